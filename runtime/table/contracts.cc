#include "runtime/table/contracts.h"

#include <xxhash.h>

#include <algorithm>

#include "runtime/table/verify_record.h"

namespace gw::table {
namespace {

Unexpected<Error> corrupt() { return fail(Errc::TableCorrupt, "contracts"); }

// Takes `count` records off the front of `rest`.
template <class T>
bool take(Bytes& rest, u32 count, std::span<const T>& out) {
  const u64 bytes = u64{count} * sizeof(T);
  if (bytes > rest.size()) return false;
  // SAFETY: the section is 64-byte aligned, and all records are multiples of 4 bytes.
  out = {reinterpret_cast<const T*>(rest.data()), count};
  rest = rest.subspan(bytes);
  return true;
}

bool indexes_fit(const Contracts& contracts) {
  const size_t fragments = contracts.fragments().size();
  const size_t documents = contracts.documents().size();
  return std::ranges::all_of(contracts.documents(),
                             [&](const ContractDocument& document) {
                               return document.fragment < fragments && document.gateway < documents;
                             }) &&
         std::ranges::all_of(contracts.routes(),
                             [&](const ContractRoute& route) {
                               return route.fragment < fragments && route.document < documents;
                             }) &&
         std::ranges::all_of(contracts.views(),
                             [&](const ContractView& view) {
                               return view.route < contracts.routes().size() &&
                                      (view.fragment < fragments || view.fragment == kNone);
                             }) &&
         std::ranges::is_sorted(contracts.views(), {}, &ContractView::route);
}

}  // namespace

Result<Contracts> Contracts::open(const TableView& view) {
  Bytes rest = view.section(SectionKind::Contracts);
  if (rest.empty()) return fail(Errc::TableFeature, "contracts");
  // The digest of the table leaves this section out.
  for (const Section& section : view.sections()) {
    if (section.kind == SectionKind::Contracts &&
        static_cast<u32>(XXH3_64bits(rest.data(), rest.size())) != section.digest) {
      return corrupt();
    }
  }
  std::span<const ContractHeader> header;
  if (!take(rest, 1, header)) return corrupt();
  if (header[0].version != kContractsVersion) return fail(Errc::TableFeature, "contracts");
  Contracts out;
  if (!take(rest, header[0].documents, out.documents_) ||
      !take(rest, header[0].routes, out.routes_) ||
      !take(rest, header[0].fragments, out.fragments_) ||
      !take(rest, header[0].views, out.views_) || header[0].text_bytes != rest.size() ||
      out.routes_.size() != view.routes().size() || !indexes_fit(out)) {
    return corrupt();
  }
  out.texts_ = as_text(rest);
  for (const ContractFragment& fragment : out.fragments_) {
    for (const Extent extent : {fragment.text, fragment.places, fragment.name}) {
      if (!fits(extent.offset, extent.count, out.texts_.size())) return corrupt();
    }
    if (fragment.source.file != kNone && fragment.source.file >= view.files().size()) {
      return corrupt();
    }
  }
  for (const ContractView& one : out.views_) {
    if (!fits(one.name.offset, one.name.count, out.texts_.size())) return corrupt();
  }
  return out;
}

const ContractView* Contracts::find_view(size_t route, std::string_view client) const {
  for (const ContractView& one :
       std::ranges::equal_range(views_, route, {}, &ContractView::route)) {
    if (text(one.name) == client) return &one;
  }
  return nullptr;
}

u64 PlaceReader::number() {
  u64 value = 0;
  for (u32 shift = 0; !rest_.empty() && shift < 64; shift += 7) {
    const u8 byte = static_cast<u8>(rest_.front());
    rest_.remove_prefix(1);
    value |= u64{byte & 0x7fu} << shift;
    if (byte < 0x80) break;
  }
  return value;
}

PlaceReader::Place PlaceReader::next() {
  if (rest_.empty()) return {};
  const u64 zigzag = number();
  const u32 column = static_cast<u32>(number());
  const u32 step = static_cast<u32>(zigzag >> 1);
  line_ += (zigzag & 1) != 0 ? ~step : step;  // unsigned, so that damage only makes it wrong
  if (column == 0) return {};
  return {line_, column};
}

}  // namespace gw::table
