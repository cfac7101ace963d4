// What `gwctl doctor` has to say of one thing.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/types.h"

namespace gw::cli::doctor {

enum class Verdict : u8 {
  Ok,
  Warn,  // it works, and will not always
  Fail,  // it does not
};

struct Finding {
  Verdict verdict = Verdict::Ok;
  std::string check;  // which kind: a word that never changes
  std::string found;
  std::string help = {};  // the way out; "" of Ok
};

using Findings = std::vector<Finding>;

inline void note(Findings& out, std::string check, std::string found) {
  out.push_back({Verdict::Ok, std::move(check), std::move(found)});
}
inline void warn(Findings& out, std::string check, std::string found, std::string help) {
  out.push_back({Verdict::Warn, std::move(check), std::move(found), std::move(help)});
}
inline void fail(Findings& out, std::string check, std::string found, std::string help) {
  out.push_back({Verdict::Fail, std::move(check), std::move(found), std::move(help)});
}

}  // namespace gw::cli::doctor
