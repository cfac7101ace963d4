// Bodies as JSON values, for what reads them: runtime expressions, templates, changes of bodies.
#pragma once
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/http/exchange.h"
#include "runtime/json/tape.h"
#include "runtime/table/format.h"

namespace gw::engine {

/// A tape that is given back to its thread's warm ones. One thread.
class TapeLease {
 public:
  TapeLease();
  ~TapeLease();
  TapeLease(TapeLease&& other) noexcept = default;
  TapeLease& operator=(TapeLease&&) = delete;
  json::Tape& operator*() { return *tape_; }
  json::Tape* operator->() { return tape_.get(); }

 private:
  std::unique_ptr<json::Tape> tape_;
};

/// What a call of a composition has brought.
struct CallValue {
  bool present = false;
  u16 status = 0;
  const http::FieldList* fields = nullptr;
  const json::Tape* body = nullptr;  // null: none that is JSON
  u32 node = 0;
};

/// Values of messages beside their heads. What has not been read is null, and absent to whoever
/// asks.
struct MessageValues {
  const json::Tape* request_body = nullptr;   // a form that is read as well
  const json::Tape* response_body = nullptr;  // as it came; the same
  std::string_view shown_text;                // as the operation's own changes have left it
  const json::Tape* shown_body = nullptr;     // the same, made when a view asks for it
  bool request_passes = false;                // too long to be changed
  bool response_changes = false;              // it is a success, as it came or as it will be
  bool response_changed = false;
  std::span<const CallValue> calls;
  const json::Tape* item = nullptr;  // of `forEach`
  u32 item_node = 0;
  std::vector<TapeLease> tapes;  // that the pointers above lead to

  json::Tape& lease() { return *tapes.emplace_back(); }
  /// The answer as a view may see it. Null: there is none.
  const json::Tape* response_for_view();
};

/// Of this exchange; made when it is asked for first.
MessageValues& values_of(Exchange& exchange);

/// The text that an expression about a body, a call or an item has: a string's content, a number as
/// written. False: absent, null, or a list or map. Memory: the tape, or the exchange's arena.
bool message_text(Exchange& exchange, const table::ExpressionPart& part, std::string_view& out);
/// Where the value itself is. False: absent.
bool find_message_node(const Exchange& exchange, const table::ExpressionPart& part,
                       const json::Tape*& tape, u32& node);
/// Appends the value itself as JSON. False: absent.
bool append_message_json(const Exchange& exchange, const table::ExpressionPart& part,
                         std::string& out);

}  // namespace gw::engine
