// A listener: where clients connect.
#pragma once
#include "runtime/policies/field_spec.h"

namespace gw::policies {

struct ListenerRecord {
  table::LateString address;
};

inline constexpr FieldSpec kListenerFields[] = {
    {.name = "address",
     .kind = FieldKind::Address,
     .offset = offsetof(ListenerRecord, address),
     .late = true,
     .required = true,
     .doc = "ADDRESS:PORT; port 0 takes a free one"},
};
inline constexpr RecordSpec kListenerSpec{
    .name = "listener",
    .bytes = sizeof(ListenerRecord),
    .fields = kListenerFields,
    .doc = "an address that the gateway accepts connections on",
    .shorthand = "address"};

}  // namespace gw::policies
