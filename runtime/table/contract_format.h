// Contracts: what the documents promise about each route, for those who compare tables or show
// them to people. The layout of the section `contracts`, which is optional: no request reads it.
//
//   offset 0    ContractHeader
//   then        ContractDocument[], ContractRoute[] by index of the route, ContractFragment[],
//               ContractView[] by route
//   then        texts
//
// A fragment is a piece of a document as JSON: an Operation Object with the parameters and the
// security that hold for it, the head of a document, or what a `$ref` leads to. In it a reference
// is `{"$ref": N}`, N a number: another fragment. So what many operations share is there once, and
// schemas may lead back to themselves. Extensions are left out: they are nobody else's business.
//
// A view says what a class of clients gets where that is not what all get: its fragment has the
// answers of successes, by their statuses, in place of those of the operation.
//
// `places` of a fragment says where its values are written: for each value but the outermost, in
// the order of the text, two numbers: lines behind the value before (zigzag), and the column; 0:
// not known. A number takes seven bits a byte, the lowest first, the high bit set where more
// follow.
#pragma once
#include "runtime/table/format.h"

namespace gw::table {

inline constexpr u32 kContractsVersion = 3;

struct ContractHeader {
  u32 version;
  u32 documents;
  u32 routes;
  u32 fragments;
  u32 views;
  u32 reserved;
  u64 text_bytes;
};

struct ContractDocument {
  u32 fragment;  // OpenAPI Object without paths, of its components the security schemes alone
  u32 gateway;   // index of its gateway document; its own where it is one
};

struct ContractRoute {
  u32 fragment;  // Operation Object
  u32 document;
};

struct ContractFragment {
  Extent text;       // bytes of texts, as all extents here
  Extent places;     //
  Extent name;       // last part of the reference that leads to it; none: it is nobody's target
  SourceRef source;  // where it begins
  u32 flags;         // ContractFlag
};
enum ContractFlag : u32 { kContractOpenApi30 = 1 };  // its schemas are of that dialect

struct ContractView {
  u32 route;
  u32 fragment;  // kNone: the views of this gateway are too large to be kept
  Extent name;   // of the class; empty: what everybody gets whose class has no view
};

static_assert(sizeof(ContractHeader) == 32 && sizeof(ContractFragment) == 40);
static_assert(sizeof(ContractView) == 16);
static_assert(
    kUnique<ContractHeader, ContractDocument, ContractRoute, ContractFragment, ContractView>);

}  // namespace gw::table
