#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sync/core/page.hpp"
#include "sync/core/plan.hpp"
#include "sync/core/step.hpp"
#include "sync/core/types.hpp"
#include "sync/core/update.hpp"

// One link and its store in memory, driven answer by answer, for tests of the pure core.
namespace syncd::test {

inline constexpr const char* the_link = "mk_1";
inline constexpr const char* clock_1 = "2025-05-01T10:00:00Z";
inline constexpr const char* clock_2 = "2025-05-01T16:00:00Z";
inline constexpr const char* clock_3 = "2025-05-01T22:00:00Z";

struct RowText {
  std::string id = {};
  std::string amount = "10.00";
  bool pending = false;
  std::string account = "acc_1";
  std::string date = "2025-04-30";
  std::string words = "COFFEE";  // raw_description
  std::string json() const;
};
// The same object with its members in another order.
std::string reordered(const RowText& row);
std::string posted(std::string_view id, std::string_view amount = "10.00");
std::string pending(std::string_view id, std::string_view amount = "10.00");
std::string account(std::string_view id, std::string_view balance = "1.00");

struct LinkText {
  std::string id = the_link;
  std::string state = "connected";
  std::string error_code = {};      // empty: null
  std::string clock = clock_1;      // of products.transactions; empty: null
  std::string accounts_clock = {};  // empty: null
  bool has_transactions = true;     // the product is granted
  bool has_accounts = true;         // likewise
  std::string product_error = {};   // of products.transactions; empty: null
  std::string json() const;
};

struct PageText {
  std::vector<std::string> created = {};
  std::vector<std::string> updated = {};
  std::vector<std::string> removed = {};  // ids
  std::string next = "c1";                // empty: null
  bool more = false;
  LinkText link = {};
  std::optional<std::vector<std::string>> accounts = std::vector<std::string>{account("acc_1")};
  std::string json() const;
};

// `kind id` per entry.
using Lines = std::vector<std::string>;

struct FeedLine {
  core::ChangeKind kind;
  std::string id = {};
  std::string before;
  std::string after;
  core::Cause cause = core::Cause::schedule;
};

// What a commit means, in maps. apply() reports (as test failures) an update that breaks its own contract.
struct OneLinkStore {
  core::LinkRecord record;
  std::map<std::string, core::StoredTransaction> rows;
  std::map<std::string, core::StoredTransaction> staged;
  std::map<std::string, core::StoredAccount> accounts;
  std::optional<core::RelinkEntry> relink;
  std::vector<FeedLine> feed;
  std::vector<core::DeadLetter> dead_letters;

  core::Held lookup(const core::LookupRequest& request) const;
  void apply(const core::LinkUpdate& update);

 private:
  void apply_rows(const core::LinkUpdate& update);
  void check_counts() const;
};

// The link in the hands of a cycle: each call is one answer, decided, committed and returned.
class OneLink {
 public:
  OneLink();

  // The page must be acceptable; see refuses().
  core::LinkUpdate page(const PageText& text);
  // The reason for which check_page() does not believe the page; empty: it does.
  std::string refuses(const PageText& text) const;
  // What a cycle does with a page: commits it, or the failure that it is.
  core::LinkUpdate page_or_failure(const PageText& text);
  core::LinkUpdate accounts(const std::vector<std::string>& rows, const LinkText& link = {});
  core::LinkUpdate look(const LinkText& link);
  core::LinkUpdate fails(core::Errc code, core::Endpoint endpoint = core::Endpoint::sync);
  core::LinkUpdate fails(const core::Error& error, core::Endpoint endpoint = core::Endpoint::sync);
  core::LinkUpdate pause();
  core::LinkUpdate resume();
  core::LinkUpdate repair();
  core::LinkUpdate complete(const core::Registration& registration);
  // A person's act on the entry, which must be allowed.
  core::LinkUpdate act(core::RelinkRequest::Kind kind);
  // About the letter of that time, which must be there.
  core::LinkUpdate retry_letter(core::WallTime at);
  core::LinkUpdate drop_letter(core::WallTime at);

  // Feed entries since the last call.
  Lines news();
  const FeedLine& last_entry() const { return store.feed.back(); }
  // Ids of the visible rows; pending ones with a `?` behind.
  Lines visible() const;
  const core::LinkRecord& record() const { return store.record; }
  core::Millis until_due() const { return store.record.next_due_at - now; }

  OneLinkStore store;
  core::Policy policy;
  core::WallTime now;
  std::uint64_t entropy = 7;
  bool retry_refused = false;  // of the cycles that the answers belong to

 private:
  core::LinkUpdate commit(core::LinkUpdate update);
  core::StepInput input(const core::LookupRequest& request) const;
  core::LookupRequest about_letter(core::WallTime at) const;
  std::size_t told_ = 0;
};

}  // namespace syncd::test
