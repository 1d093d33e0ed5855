#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include "tests/sandbox/model/text.hpp"
#include "tests/sandbox/model/upstream.hpp"

namespace syncd::sandbox::test {

inline constexpr TimePoint test_start{Milliseconds{1'750'000'000'123}};

inline HttpRequest get(std::string target) {
  const UpstreamOptions defaults;
  return {"GET",
          std::move(target),
          {{"X-Client-Id", defaults.client_id},
           {"X-Client-Secret", defaults.client_secret},
           {"MoneyKit-Version", "2023-02-18"}},
          ""};
}

inline HttpRequest with_body(std::string method, std::string target, std::string body) {
  HttpRequest request = get(std::move(target));
  request.method = std::move(method);
  request.headers.emplace_back("Content-Type", "application/json");
  request.body = std::move(body);
  return request;
}

inline UpstreamOptions free_options(std::uint64_t seed) {
  UpstreamOptions options;
  options.seed = seed;
  options.budgets = Budgets::unlimited();
  return options;
}

/// Splits the array that follows `"name":[` into the exact texts of its elements. The tests compare texts, so
/// they must not go through a JSON value, which would lose how a number was written.
inline std::vector<std::string> elements(const std::string& body, const std::string& name) {
  std::vector<std::string> out;
  std::size_t at = body.find("\"" + name + "\":[");
  if (at == std::string::npos) {
    ADD_FAILURE() << "no " << name;
    return out;
  }
  at += name.size() + 4;
  int depth = 0;
  bool in_string = false;
  std::string current;
  for (; at < body.size(); ++at) {
    const char c = body[at];
    if (in_string) {
      current.push_back(c);
      if (c == '\\') {
        current.push_back(body[++at]);
      } else if (c == '"') {
        in_string = false;
      }
      continue;
    }
    if (c == ']' && depth == 0) {
      break;
    }
    if (c == ',' && depth == 0) {
      out.push_back(std::exchange(current, {}));
      continue;
    }
    in_string = c == '"';
    depth += c == '{' || c == '[' ? 1 : 0;
    depth -= c == '}' || c == ']' ? 1 : 0;
    current.push_back(c);
  }
  if (!current.empty()) {
    out.push_back(current);
  }
  return out;
}

inline std::string text_member(const std::string& object, const std::string& name) {
  const boost::json::value value = boost::json::parse(object);
  return std::string(value.at(name).as_string());
}

/// The first row in which two sets differ, in words; empty when they are equal.
inline std::string difference(const std::map<std::string, std::string>& expected,
                              const std::map<std::string, std::string>& actual) {
  for (const auto& [id, row] : expected) {
    const auto found = actual.find(id);
    if (found == actual.end()) {
      return "missing " + row;
    }
    if (found->second != row) {
      return "expected " + row + "\n but have " + found->second;
    }
  }
  for (const auto& [id, row] : actual) {
    if (!expected.contains(id)) {
      return "too much: " + row;
    }
  }
  return {};
}

/// A deliberately plain client that follows the rules of the feed: upsert by id, created, updated, removed in
/// that order, pending rows replaced as a whole when a drain ends.
class FeedClient {
 public:
  explicit FeedClient(std::string link_id) : link_id_(std::move(link_id)) {}

  std::string cursor;
  std::map<std::string, std::string> posted;
  std::map<std::string, std::string> pending;
  bool settles_in_place = false;
  std::size_t both_lists = 0;  ///< ids seen in created and updated of one page

  /// One page; true when there is more.
  bool page(Upstream& upstream, TimePoint now, int size) {
    std::string target = "/links/" + link_id_ + "/transactions/sync?size=" + std::to_string(size);
    if (!cursor.empty()) {
      target += "&cursor=" + percent_encode(cursor);
    }
    const HttpResponse response = upstream.respond(get(target), now);
    EXPECT_EQ(response.status, 200) << response.body;
    const boost::json::value root = boost::json::parse(response.body);
    apply(response.body);
    const bool more = root.at("has_more").as_bool();
    const auto* clock = &root.at("link").at("products").at("transactions").at("refreshed_at");
    const std::string refreshed = clock->is_string() ? std::string(clock->as_string()) : "";
    if (refreshed != drain_clock_) {
      // A refresh between two pages of a drain makes the rows collected before it worthless.
      drain_clock_ = refreshed;
      std::erase_if(collected_, [&](const auto& row) { return !page_pending_.contains(row.first); });
    }
    if (!more) {
      if (refreshed != held_clock_ || !collected_.empty()) {
        pending = collected_;
      }
      held_clock_ = refreshed;
      collected_.clear();
    }
    cursor = std::string(root.at("cursor").at("next").as_string());
    return more;
  }

  void drain(Upstream& upstream, TimePoint now, int size) {
    for (int pages = 0; page(upstream, now, size); ++pages) {
      ASSERT_LT(pages, 100'000);
    }
  }

 private:
  void apply(const std::string& body) {
    page_pending_.clear();
    std::set<std::string> created;
    for (const std::string list : {"created", "updated"}) {
      for (const std::string& row : elements(body, list)) {
        const std::string id = text_member(row, "transaction_id");
        if (list == "created") {
          EXPECT_TRUE(created.insert(id).second) << "twice in created";
        } else if (created.contains(id)) {
          ++both_lists;
        }
        const bool is_pending = boost::json::parse(row).at("pending").as_bool();
        if (is_pending) {
          EXPECT_EQ(list, "created") << "pending rows are never updated";
          collected_[id] = row;
          page_pending_.insert(id);
        } else {
          posted[id] = row;
          pending.erase(id);
          collected_.erase(id);
        }
      }
    }
    for (const std::string& item : elements(body, "removed")) {
      const std::string id = item.substr(1, item.size() - 2);
      EXPECT_FALSE(pending.contains(id) && !settles_in_place) << "pending rows are never removed";
      pending.erase(id);
      posted.erase(id);
    }
  }

  std::string link_id_;
  std::map<std::string, std::string> collected_;
  std::set<std::string> page_pending_;
  std::string drain_clock_;
  std::string held_clock_;
};

}  // namespace syncd::sandbox::test
