#include "runtime/table/view.h"

#include <cstring>

namespace gw::table {

TableView::TableView(Bytes file) : file_(file) {
  for (const Section& section : sections()) {
    const u32 kind = static_cast<u32>(section.kind);
    if (kind > kLastSectionKind) continue;  // optional and unknown
    sections_[kind] = file.subspan(section.offset, section.bytes);
  }
}

std::span<const Section> TableView::sections() const {
  return {reinterpret_cast<const Section*>(file_.data() + sizeof(Header)), header().section_count};
}

u64 TableView::digest() const {
  u64 digest = 0;
  std::memcpy(&digest, file_.data() + file_.size() - kTrailerBytes, sizeof digest);
  return digest;
}

}  // namespace gw::table
