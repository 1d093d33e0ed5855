#include "sync/core/reports.hpp"

namespace syncd::core {

std::string_view outcome_of(const CycleReport& report) {
  if (report.error) return to_string(report.error->code);
  return report.yielded ? "yielded" : "success";
}

}  // namespace syncd::core
