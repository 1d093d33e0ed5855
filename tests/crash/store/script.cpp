#include "tests/crash/store/script.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace syncd::test::script {
namespace {

std::string row_id(std::uint64_t k) {
  return fmt::format("t{:08}", k);
}

bool begins_pending(std::uint64_t k) {
  return k % 3 == 0;
}

std::string row_json(int link, std::uint64_t k, bool pending, std::size_t fill) {
  return fmt::format(R"({{"link":{},"step":{},"pending":{},"fill":"{}"}})", link, k, pending,
                     std::string(fill, 'x'));
}

}  // namespace

store::StoreOptions options(std::string path) {
  store::StoreOptions options;
  options.path = std::move(path);
  options.environment = "sandbox";
  options.upstream = "api.example.test";
  options.block_cache_bytes = 4 << 20;
  options.write_buffer_bytes = 1 << 20;  // small, so that kills meet flushes and compactions
  // The first epoch is 1, and each further one counts up.
  options.wall_now = [] { return core::WallTime{core::Millis{1}}; };
  return options;
}

std::string link_name(int link) {
  return fmt::format("link{}", link);
}

std::array<int, links_per_call> links_of_call(std::uint64_t n) {
  std::array<int, links_per_call> chosen{};
  for (int i = 0; i < links_per_call; ++i) {
    chosen[static_cast<std::size_t>(i)] = static_cast<int>((n + static_cast<std::uint64_t>(i)) % links);
  }
  return chosen;
}

std::uint64_t steps_after(std::uint64_t calls, int link) {
  std::uint64_t steps = calls / links * links_per_call;
  for (std::uint64_t n = calls / links * links + 1; n <= calls; ++n) {
    const auto chosen = links_of_call(n);
    steps += static_cast<std::uint64_t>(std::ranges::count(chosen, link));
  }
  return steps;
}

core::LinkUpdate step(int link, std::uint64_t k, std::size_t fill) {
  core::LinkUpdate update;
  const auto keep = [&update](std::string text) {
    update.texts.push_back(std::make_unique<const std::string>(std::move(text)));
    return std::string_view(*update.texts.back());
  };
  update.link_id = core::LinkId{link_name(link)};
  update.expected_fence = k == 1 ? 0 : 1;
  update.record.link_id = update.link_id;
  update.record.fence = 1;
  update.record.cursor = core::Cursor{fmt::format("{}", k)};
  update.link_object = keep(fmt::format("{{\"half\":{}}}", k / 2));

  if (k > rows_kept) {
    const auto id = keep(row_id(k - rows_kept));
    update.transaction_erases.push_back({.transaction_id = id});
    update.changes.push_back(
        {.kind = core::ChangeKind::transaction_removed, .id = id, .before = "{}", .after = {}});
  }
  const auto put = [&](std::uint64_t number, bool pending, bool was_pending, core::ChangeKind kind) {
    const auto id = keep(row_id(number));
    const auto json = keep(row_json(link, number, pending, fill));
    update.transaction_puts.push_back({.transaction_id = id,
                                       .account_id = "acc",
                                       .json = json,
                                       .pending = pending,
                                       .was_pending = was_pending,
                                       .posted_from = {}});
    update.changes.push_back({.kind = kind, .id = id, .before = {}, .after = json});
  };
  if (k > 1 && begins_pending(k - 1)) put(k - 1, false, true, core::ChangeKind::transaction_updated);
  put(k, begins_pending(k), false, core::ChangeKind::transaction_created);
  return update;
}

std::map<std::string, Row> rows_after(int link, std::uint64_t k, std::size_t fill) {
  std::map<std::string, Row> rows;
  for (std::uint64_t number = k > rows_kept ? k - rows_kept + 1 : 1; number <= k; ++number) {
    const bool pending = number == k && begins_pending(number);
    rows[row_id(number)] = {.json = row_json(link, number, pending, fill), .pending = pending};
  }
  return rows;
}

std::uint64_t changes_after(std::uint64_t k) {
  std::uint64_t changes = k;
  if (k > rows_kept) changes += k - rows_kept;
  for (std::uint64_t i = 2; i <= k; ++i)
    changes += begins_pending(i - 1) ? 1 : 0;
  return changes;
}

}  // namespace syncd::test::script
