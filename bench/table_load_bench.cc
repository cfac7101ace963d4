// How long a table takes from a file that has been taken (private, in the page cache) to one that
// requests run on: map, verify, bind; and what `serve --trust` adds, the check of a signature.
// Medians of 21 rounds, each with a fresh mapping, so that the page faults of the mapping count.
// `take` is a plain read and write into a new file. Run: table_load_bench TABLE...
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include "runtime/table/bound_table.h"
#include "runtime/table/table_file.h"
#include "runtime/table/verify.h"
#include "runtime/trust/signing.h"

namespace {

using namespace gw;
using Clock = std::chrono::steady_clock;

constexpr int kRounds = 21;

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

// Of this thread: what others make it wait for is not in it.
double cpu_milliseconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

double median(std::vector<double>& values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

[[noreturn]] void die(const std::string& path, std::string_view what) {
  std::fprintf(stderr, "table_load_bench: %s: %.*s\n", path.c_str(), static_cast<int>(what.size()),
               what.data());
  std::exit(1);
}

void take(const std::string& from, const std::string& to) {
  const auto text = table::read_file(from, table::kMaxFileBytes);
  if (!text) die(from, text.error().what);
  std::FILE* file = std::fopen(to.c_str(), "wb");
  if (file == nullptr) die(to, "cannot write");
  const bool written = std::fwrite(text->data(), 1, text->size(), file) == text->size();
  if (std::fclose(file) != 0 || !written) die(to, "cannot write");
  ::chmod(to.c_str(), 0400);
}

// A key of its own, whatever the table was signed with.
class Signer {
 public:
  Signer() {
    const trust::KeyPair pair = trust::make_key_pair();
    std::string problem;
    key_ = trust::SigningKey::from_pem(pair.private_pem, problem);
    if (key_ == nullptr || !trusted_.add_pem(pair.public_pem, problem)) die("key", problem);
  }
  table::Signature sign(Bytes table) const { return key_->sign(table, 1); }
  bool is_good(Bytes table, const table::Signature& signature) const {
    return trusted_.check(table, signature) == trust::Verdict::Good;
  }

 private:
  std::unique_ptr<trust::SigningKey> key_;
  trust::TrustedKeys trusted_;
};

void measure(const std::string& path, const Signer& signer) {
  std::vector<double> takes, loads, verifies, binds, totals, checks, check_cpu;
  size_t bytes = 0, routes = 0;
  for (int round = 0; round < kRounds; ++round) {
    const std::string copy = path + ".taken";
    ::unlink(copy.c_str());
    const auto start = Clock::now();
    take(path, copy);
    takes.push_back(milliseconds_since(start));

    const auto map = Clock::now();
    const auto file = table::TableFile::map_private(copy);  // maps and verifies
    loads.push_back(milliseconds_since(map));
    if (!file) die(path, file.error().what);
    const auto bind = Clock::now();
    std::vector<ReferenceProblem> problems;
    const auto bound = BoundTable::bind(*file, ReferenceSource::none(), problems);
    binds.push_back(milliseconds_since(bind));
    totals.push_back(milliseconds_since(map));
    if (!bound) die(path, bound.error().what);

    const auto verify = Clock::now();  // again, its pages being mapped: the work alone
    if (!table::verify((*file)->bytes())) die(path, "refused");
    verifies.push_back(milliseconds_since(verify));
    const table::Signature signature = signer.sign((*file)->bytes());
    const auto check = Clock::now();
    const double before = cpu_milliseconds();
    if (!signer.is_good((*file)->bytes(), signature)) die(path, "signature");
    checks.push_back(milliseconds_since(check));
    check_cpu.push_back(cpu_milliseconds() - before);
    bytes = (*file)->bytes().size();
    routes = (*bound)->view().routes().size();
    ::unlink(copy.c_str());
  }
  const size_t slash = path.rfind('/');
  std::printf(
      "| %-22s | %7zu | %7.2f | %7.2f | %12.2f | %11.2f | %7.2f | %9.2f | %12.2f | %6.2f |\n",
      path.substr(slash == path.npos ? 0 : slash + 1).c_str(), routes,
      static_cast<double>(bytes) / 1048576.0, median(takes), median(loads), median(verifies),
      median(binds), median(totals), median(checks), median(check_cpu));
}

}  // namespace

int main(int argc, char** argv) {
  std::printf(
      "| table                  |  routes |     MiB | take ms | map+verify ms | verify warm "
      "| bind ms | load ms | signature ms | its CPU "
      "|\n|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n");
  const Signer signer;
  for (int i = 1; i < argc; ++i) measure(argv[i], signer);
  return 0;
}
