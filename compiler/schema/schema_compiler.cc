// A call in four steps: lower every schema that can be reached (a work list, no recursion), settle
// $dynamicRef, find equal schemas bottom-up, write those that are new.
#include "compiler/schema/schema_compiler.h"

#include "compiler/schema/lowering.h"
#include "compiler/schema/refuse.h"
#include "compiler/xgw/value.h"

namespace gw::compiler::schema {
namespace {

using gw::schema::kAnything;
using gw::schema::kNone;
using gw::schema::kNothing;
using gw::schema::Op;

std::string bytes_of(const std::vector<u32>& words) {
  return {reinterpret_cast<const char*>(words.data()), words.size() * sizeof(u32)};
}

}  // namespace

u32 SchemaCompiler::compile_schema(SchemaSet& set, NodeRef schema,
                                   std::span<const std::string_view> unenforced) {
  set_ = &set;
  unenforced_ = unenforced;
  std::string scope;
  for (const std::string_view keyword : unenforced) scope += std::string(keyword) + ",";
  scope_ = scopes_.try_emplace(scope, static_cast<u32>(scopes_.size())).first->second;
  batch_begin_ = next_to_lower_ = static_cast<u32>(units_.size());
  batch_keys_.clear();
  candidates_.clear();

  failed_ = false;
  const u32 root = unit_of(schema);
  do {
    lower_all();
  } while (add_dynamic_candidates());
  write_dynamic_refs();
  if (failed_ || find_circle()) {
    forget_batch();
    return kNone;
  }
  mark_dynamic_resources();
  share();
  place(root);
  return units_[representative(root) < kNothing ? representative(root) : root].offset;
}

// A batch that failed is lowered again when somebody asks again, so that it fails again.
void SchemaCompiler::forget_batch() {
  for (const MemoKey& key : batch_keys_) memo_.erase(key);
}

u32 SchemaCompiler::unit_of(NodeRef schema) {
  const MemoKey key{set_, compiler::schema::key_of(schema), scope_};
  const auto [entry, fresh] = memo_.try_emplace(key, static_cast<u32>(units_.size()));
  if (fresh) {
    Unit& unit = units_.emplace_back();
    unit.node = schema;
    unit.resource = set_->resource_of(schema);
    batch_keys_.push_back(key);
  }
  return entry->second;
}

void SchemaCompiler::lower_all() {
  for (; next_to_lower_ < units_.size(); ++next_to_lower_) {
    Lowering(*this, *set_, units_[next_to_lower_]).run();
  }
}

// Every schema that a $dynamicRef may come to; true when that made new units.
bool SchemaCompiler::add_dynamic_candidates() {
  const size_t before = units_.size();
  for (u32 unit = batch_begin_; unit < before; ++unit) {
    const std::string anchor = units_[unit].dynamic_anchor;
    if (anchor.empty()) continue;
    auto& found = candidates_[anchor];
    found.clear();
    for (u32 resource = 0; resource < set_->resource_count(); ++resource) {
      const auto& anchors = set_->resource(resource).dynamic_anchors;
      const auto entry = anchors.find(anchor);
      if (entry != anchors.end()) found.emplace_back(resource, unit_of(entry->second));
    }
  }
  return units_.size() != before;
}

void SchemaCompiler::write_dynamic_refs() {
  // Numbers of resources are the program's own: those of different sets must differ.
  u32 first = 0;
  for (const auto& [set, begin] : first_resource_)
    first = std::max(first, begin + set->resource_count());
  const u32 base = first_resource_.try_emplace(set_, first).first->second;
  for (u32 i = batch_begin_; i < units_.size(); ++i) {
    Unit& unit = units_[i];
    if (unit.dynamic_target == kNone) continue;
    // In front: what follows may want to know what is evaluated.
    Unit made;
    UnitWriter out(made);
    out.begin(Op::DynamicRef);
    out.add_schema(unit.dynamic_target, true);
    for (const auto& [resource, candidate] : candidates_[unit.dynamic_anchor]) {
      out.add(base + resource);
      out.add_schema(candidate, true);
    }
    out.end();
    for (SchemaOperand operand : unit.operands) {
      operand.word += static_cast<u32>(made.words.size());
      made.operands.push_back(operand);
    }
    made.words.insert(made.words.end(), unit.words.begin(), unit.words.end());
    unit.words = std::move(made.words);
    unit.operands = std::move(made.operands);
  }
}

// The dynamic scope matters to a schema from which a $dynamicRef can be reached. Such units are not
// found again by later calls: there may be more resources by then.
void SchemaCompiler::mark_dynamic_resources() {
  const u32 count = static_cast<u32>(units_.size()) - batch_begin_;
  std::vector<std::vector<u32>> users(count);
  std::vector<u32> work;
  for (u32 i = 0; i < count; ++i) {
    const Unit& unit = units_[batch_begin_ + i];
    for (const SchemaOperand& operand : unit.operands) {
      const u32 used = unit.words[operand.word];
      if (used >= batch_begin_) users[used - batch_begin_].push_back(i);
    }
    if (unit.dynamic_target != kNone) work.push_back(i);
  }
  std::vector<bool> marked(count);
  const u32 base = first_resource_[set_];
  while (!work.empty()) {
    const u32 i = work.back();
    work.pop_back();
    if (marked[i]) continue;
    marked[i] = true;
    units_[batch_begin_ + i].dynamic_resource = base + units_[batch_begin_ + i].resource;
    work.insert(work.end(), users[i].begin(), users[i].end());
  }
  for (const MemoKey& key : batch_keys_) {
    const auto entry = memo_.find(key);
    if (marked[entry->second - batch_begin_]) memo_.erase(entry);
  }
}

// Whether a schema leads back to itself on the same value, which would never end.
bool SchemaCompiler::find_circle() {
  struct Step {
    u32 unit;
    u32 operand;
  };
  enum : u8 { kNew, kOpen, kDone };
  std::vector<u8> states(units_.size() - batch_begin_, kNew);
  for (u32 start = batch_begin_; start < units_.size(); ++start) {
    if (states[start - batch_begin_] != kNew) continue;
    std::vector<Step> path = {{start, 0}};
    states[start - batch_begin_] = kOpen;
    while (!path.empty()) {
      Step& step = path.back();
      const Unit& unit = units_[step.unit];
      if (step.operand == unit.operands.size()) {
        states[step.unit - batch_begin_] = kDone;
        path.pop_back();
        continue;
      }
      const SchemaOperand operand = unit.operands[step.operand++];
      const u32 next = unit.words[operand.word];
      if (!operand.in_place || next < batch_begin_) continue;
      if (states[next - batch_begin_] == kOpen) {
        report_circle(next);
        return true;
      }
      if (states[next - batch_begin_] == kDone) continue;
      states[next - batch_begin_] = kOpen;
      path.push_back({next, 0});
    }
  }
  return false;
}

void SchemaCompiler::report_circle(u32 unit) {
  refuse(sink_, "ref-unresolved", units_[unit].node,
         "the schema leads back to itself without looking into the value", "comes back here",
         "let a property or an item stand between");
}

u32 SchemaCompiler::representative(u32 unit) const {
  while (unit < kNothing && units_[unit].same_as != kNone) {
    if (units_[unit].same_as == unit) return unit;
    unit = units_[unit].same_as;
  }
  return unit;
}

// Bottom-up, so that equal parts are one before the whole is looked at. A schema on a circle is
// compared while what it refers to is undecided: it is then equal to itself only.
void SchemaCompiler::share() {
  struct Step {
    u32 unit;
    u32 operand;
  };
  std::vector<bool> seen(units_.size() - batch_begin_);
  std::vector<Step> path;
  const auto enter = [&](u32 unit) {
    if (unit < batch_begin_ || seen[unit - batch_begin_]) return;
    seen[unit - batch_begin_] = true;
    path.push_back({unit, 0});
  };
  for (u32 start = batch_begin_; start < units_.size(); ++start) {
    enter(start);
    while (!path.empty()) {
      Step& step = path.back();
      const Unit& unit = units_[step.unit];
      if (step.operand < unit.operands.size()) {
        enter(unit.words[unit.operands[step.operand++].word]);
        continue;
      }
      const u32 done = step.unit;
      path.pop_back();
      decide(done);
    }
  }
}

void SchemaCompiler::decide(u32 index) {
  Unit& unit = units_[index];
  const bool any_type = unit.types == gw::schema::kAllTypes && unit.dynamic_resource == kNone;
  if (any_type && unit.words.empty()) {
    unit.same_as = kAnything;
    return;
  }
  const bool is_ref = unit.words.size() == 2 && (unit.words[0] & 0xff) == static_cast<u32>(Op::Ref);
  if (any_type && is_ref && unit.operands.size() == 1 && unit.words[1] != index) {
    unit.same_as = unit.words[1];
    return;
  }
  std::vector<u32> content = unit.words;
  for (const SchemaOperand& operand : unit.operands) {
    content[operand.word] = representative(content[operand.word]);
  }
  content.push_back(unit.types);
  content.push_back(unit.dynamic_resource);
  content.push_back(unit.collects ? 1 : 0);
  unit.same_as = known_.try_emplace(bytes_of(content), index).first->second;
}

void SchemaCompiler::place(u32 root) {
  std::vector<u32> order;
  std::vector<u32> work = {representative(root) < kNothing ? representative(root) : root};
  u32 offset = static_cast<u32>(pools_.schema_programs.size());
  while (!work.empty()) {
    const u32 index = work.back();
    work.pop_back();
    Unit& unit = units_[index];
    if (unit.offset != kNone) continue;
    unit.offset = offset;
    offset += gw::schema::kSchemaHeaderWords + static_cast<u32>(unit.words.size());
    order.push_back(index);
    for (const SchemaOperand& operand : unit.operands) {
      const u32 used = representative(unit.words[operand.word]);
      if (used < kNothing) work.push_back(used);
    }
  }
  for (const u32 index : order) write(index);
}

void SchemaCompiler::write(u32 index) {
  const Unit& unit = units_[index];
  std::vector<u32>& program = pools_.schema_programs;
  const u32 size = gw::schema::kSchemaHeaderWords + static_cast<u32>(unit.words.size());
  program.push_back(gw::schema::kRecordSchema | size << 8);
  program.push_back(unit.types | (unit.collects ? gw::schema::kCollectsEvaluated << 8 : 0));
  program.push_back(unit.dynamic_resource);
  const size_t begin = program.size();
  program.insert(program.end(), unit.words.begin(), unit.words.end());
  for (const SchemaOperand& operand : unit.operands) {
    const u32 used = representative(unit.words[operand.word]);
    program[begin + operand.word] = used < kNothing ? units_[used].offset : used;
  }
}

u32 SchemaCompiler::regex_of(NodeRef node, std::string_view pattern) {
  const auto known = regexes_.find(std::string(pattern));
  if (known != regexes_.end()) return known->second;
  const u32 regex = encode_regex(pattern, true, false, node.span(), pools_, sink_);
  if (regex == table::kNone) {
    failed_ = true;
  } else {
    regexes_.emplace(pattern, regex);
  }
  return regex;
}

}  // namespace gw::compiler::schema
