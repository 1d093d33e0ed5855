#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <vector>

#include "daemon/admin/caller.hpp"
#include "daemon/admin/http.hpp"
#include "daemon/admin/read_limit.hpp"
#include "daemon/admin/read_trace.hpp"
#include "sync/api/task.hpp"
#include "sync/core/result.hpp"

namespace syncd::daemon {

// An administrator may read so many times as much as others.
inline constexpr std::uint64_t admin_reads_factor = 10;
inline constexpr core::Millis reads_written_every{5'000};

// A caller is held back.
struct HeldBackReads {
  const Caller& caller;
  bool by_rows = false;
  bool first = false;  // as ReadLimit::Verdict
};

// The reads of people's data: what one caller may read in a minute, and the trace that it leaves in the audit
// log (decision 016). A read that could leave none is not answered.
//
// Lifecycle: keep_trace() in a group that is cancelled and joined, finish() behind the last request. Thread:
// the io thread.
class DataReads {
 public:
  struct Parts {
    api::Timers& timers;
    // Writes acts to the audit log, durably and in their order.
    std::function<api::Task<core::Result<void>>(std::vector<store::LinkAct>)> record;
    std::function<void(const HeldBackReads&)> on_held_back = {};
    std::function<void(const DataRead&)> on_read = {};
    // `acts` could not be written.
    std::function<void(const core::Error&, std::size_t acts)> on_lost = {};
    ReadTrace::Limits limits = {};
  };
  explicit DataReads(Parts parts) : parts_(std::move(parts)), trace_(parts_.limits) {}

  // `rates` of who is no administrator. The window counts for those that begin from now on.
  void set(const ReadRates& rates, core::Millis window);

  // Asked before a route that shows people's data: nullopt, or 429 (the caller has read too much) or 503 (no
  // read can be traced now) with Retry-After.
  std::optional<HttpResponse> refuse(const Caller& caller);
  // What the answer shows; nothing for no rows.
  void note(const Caller& caller, const DataRead& read);

  // Writes what is due every reads_written_every, until it is cancelled.
  api::Task<void> keep_trace();
  // Writes all that there is.
  api::Task<void> finish();

 private:
  ReadRates rates_of(const Caller& caller) const;
  api::Task<void> write(std::vector<store::LinkAct> acts);

  Parts parts_;
  ReadRates rates_;
  ReadLimit limit_;
  ReadTrace trace_;
};

}  // namespace syncd::daemon
