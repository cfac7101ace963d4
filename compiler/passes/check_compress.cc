#include "compiler/passes/check_compress.h"

#include <fmt/format.h>

#include <algorithm>

namespace gw::compiler {
namespace {

// Below this a body gets longer: head and checksum of gzip alone take 18 bytes.
constexpr u64 kLeastUseful = 64;
// Answers of APIs seldom reach this: nearly none would be compressed.
constexpr u64 kMostUseful = u64{1} << 20;

// Types whose bodies are compressed by themselves, and the patterns that take them in. Of images
// the few that are not are listed by name.
constexpr std::string_view kCompressed[] = {
    "*/*",
    "image/*",
    "image/png",
    "image/jpeg",
    "image/gif",
    "image/webp",
    "image/avif",
    "image/heic",
    "image/jxl",
    "video/*",
    "audio/*",
    "font/*",
    "font/woff",
    "font/woff2",
    "application/*",
    "application/pdf",
    "application/zip",
    "application/gzip",
    "application/zstd",
    "application/x-7z-compressed",
    "application/x-bzip2",
    "application/x-xz",
    "application/vnd.rar",
    "application/java-archive",
};

bool is_compressed(std::string_view type) {
  if (type.starts_with("video/") || type == "audio/mpeg" || type == "audio/ogg") return true;
  return std::ranges::find(kCompressed, type) != std::end(kCompressed);
}

bool is_part(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           std::string_view("!#$&-^_.+").find(c) != std::string_view::npos;
  });
}

// `type/subtype`, `type/*`, `type/*+suffix` or `*/*`, in the spelling that types are compared in.
bool is_media_pattern(std::string_view text) {
  if (text == "*/*") return true;
  const size_t slash = text.find('/');
  if (slash == text.npos || !is_part(text.substr(0, slash))) return false;
  std::string_view subtype = text.substr(slash + 1);
  if (subtype == "*") return true;
  if (subtype.starts_with("*+")) subtype.remove_prefix(2);
  return is_part(subtype);
}

void check_type(Module& module, NodeRef node) {
  if (!node.is_scalar()) return;  // reported when it was encoded
  const std::string_view type = node.text();
  if (!is_media_pattern(type)) {
    report(
        module, "extension-value", Severity::Error, node.span(),
        fmt::format("`{}` is no media type", type),
        "expected `type/subtype`, `type/*` or `type/*+suffix`, in lower case, without parameters",
        "write for example `application/json`");
  } else if (is_compressed(type)) {
    const bool is_pattern = type.find('*') != type.npos;
    report(
        module, "compress-without-gain", Severity::Warning, node.span(),
        fmt::format("`{}` {} compressed by itself", type, is_pattern ? "takes in what is" : "is"),
        "encoding it again takes time and saves nothing",
        is_pattern ? "list the types that are text, or remove `types` for the default"
                   : "remove it");
  }
}

}  // namespace

void check_compress(Module& module, const Effective& compress,
                    const policies::CompressRecord& record) {
  const Effective* types = compress.find("types");
  if (types != nullptr && types->node && types->node.is_seq()) {
    for (const NodeRef item : types->node.items()) check_type(module, item);
  } else if (types != nullptr && types->node) {
    check_type(module, types->node);
  }
  const Effective* size = compress.find("minSize");
  if (size == nullptr || !size->present()) return;
  if (record.min_size < kLeastUseful) {
    report(module, "compress-without-gain", Severity::Warning, size->span(),
           "answers this short get longer by compression", "less than 64 bytes",
           "leave `minSize` at its default of 1KiB, or set about 200B");
  } else if (record.min_size > kMostUseful) {
    report(module, "compress-without-gain", Severity::Warning, size->span(),
           "nearly no answer is this long, so nearly none is compressed", "more than 1 MiB",
           "leave `minSize` at its default of 1KiB");
  }
}

}  // namespace gw::compiler
