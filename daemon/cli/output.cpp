#include "daemon/cli/output.hpp"

#include <chrono>
#include <cstdio>

#include <fmt/format.h>

#include "daemon/cli/admin_client.hpp"
#include "daemon/exit_codes.hpp"

namespace syncd::cli {

core::WallTime wall_now() {
  return std::chrono::floor<core::Millis>(std::chrono::system_clock::now());
}

void print(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

bool print_failed() {
  return std::ferror(stdout) != 0;
}

int print_json(std::string_view json) {
  print(std::string(json) + "\n");
  return daemon::exit_ok;
}

int print_items(const std::vector<JsonValue>& items) {
  std::string out = "{\"items\":[";
  for (std::size_t at = 0; at < items.size(); ++at)
    out += (at == 0 ? "\n" : ",\n") + items[at].raw;
  return print_json(out + "]}");
}

std::string link_path(const std::string& link_id, std::string_view rest) {
  return fmt::format("/v1/links/{}{}", percent_encoded(link_id), rest);
}

}  // namespace syncd::cli
