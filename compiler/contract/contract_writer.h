// Pieces of documents as JSON with the place of every value.
#pragma once
#include <functional>
#include <string>

#include "compiler/openapi/model.h"
#include "compiler/source/file_set.h"
#include "runtime/table/format.h"

namespace gw::compiler {

/// Writes one fragment. References become numbers that `number_of` gives for their target.
class ContractWriter {
 public:
  using NumberOf = std::function<u32(const openapi::Document&, NodeRef reference)>;

  /// `begin`: where the fragment begins; values in other files have no place.
  ContractWriter(const FileSet& files, const openapi::Document& document, Span begin,
                 const NumberOf& number_of);

  /// An object without extensions, but for `x-sunset`, and without the keys that `skip` names; more
  /// may be added before `end_object`. Nothing is an empty one.
  void begin_object(NodeRef object, std::span<const std::string_view> skip);
  void end_object() { text_ += '}'; }
  /// Begins a member whose value the caller writes: `place` is where it stands.
  void member(std::string_view name, Span place);
  /// A whole member; `key` is where it stands.
  void value(std::string_view name, NodeRef key, NodeRef node);
  /// Begins a list; `item` before each of its items.
  void begin_list() { text_ += '['; }
  void item(Span place);
  void end_list() { text_ += ']'; }
  /// `{"$ref": number}`.
  void reference(u32 number);
  /// The value of a node that is an object of the specification, or a list of such.
  void object(NodeRef node);

  const std::string& text() const { return text_; }
  const std::string& places() const { return places_; }

 private:
  // What the keys of a map are: fields of the specification, names that the author chose, or
  // anything at all.
  enum class Context : u8 { Fields, Names, NamesAndExtensions, Literal };
  static Context context_below(Context context, std::string_view key, NodeRef value);
  void write(NodeRef node, Context context, u32 depth);
  void write_map(NodeRef node, Context context, u32 depth);
  void comma();
  void place(Span span);

  const FileSet& files_;
  const openapi::Document& document_;
  const NumberOf& number_of_;
  FileId file_;
  u32 line_;
  u64 budget_ = 10'000'000;  // values: aliases may unfold to more than a file holds
  std::string text_;
  std::string places_;
};

}  // namespace gw::compiler
