#include "tests/e2e/oracle.hpp"

#include <string_view>

namespace syncd::test::e2e {
namespace {

Rows rows_of(const Json& object) {
  Rows out;
  for (const auto& [id, row] : object.members()) {
    out.emplace(id, row.canonical());
  }
  return out;
}

std::string difference_in(std::string_view what, const Rows& expected, const Rows& found) {
  for (const auto& [id, row] : expected) {
    const auto other = found.find(id);
    if (other == found.end()) {
      return std::string(what) + " " + id + " is missing";
    }
    if (other->second != row) {
      return std::string(what) + " " + id + " is\n  " + other->second + "\nand should be\n  " + row;
    }
  }
  for (const auto& row : found) {
    if (!expected.contains(row.first)) {
      return std::string(what) + " " + row.first + " should not be there";
    }
  }
  return {};
}

/// Applies one entry to what the reader holds, complaining about whatever does not fit.
class Reader {
 public:
  explicit Reader(FeedReplay& replay) : replay_(replay) {}

  void read(const Json& entry) {
    const unsigned long long sequence = entry["seq"].number();
    where_ = "entry " + std::to_string(sequence) + " (" + entry["kind"].text() + ")";
    if (sequence != last_ + 1) {
      complain("follows " + std::to_string(last_));
    }
    last_ = sequence;
    replay_.epoch = replay_.epoch == 0 ? entry["epoch"].number() : replay_.epoch;
    if (entry["epoch"].number() != replay_.epoch) {
      complain("is of epoch " + entry["epoch"].text());
    }
    const std::string before = entry["before"].canonical();
    const std::string after = entry["after"].canonical();
    if (before == after) {
      complain("changes nothing");
    }
    apply(entry["kind"].text(), entry["link_id"].text(), entry["id"].text(), before, after);
  }

  [[nodiscard]] unsigned long long last() const { return last_; }

 private:
  void complain(const std::string& what) {
    if (replay_.problems.size() < 10) {
      replay_.problems.push_back(where_ + " " + what);
    }
  }

  void apply(std::string_view kind, const std::string& link_id, const std::string& id,
             const std::string& before, const std::string& after) {
    if (kind == "relink.opened") {
      ++replay_.relinks_open[link_id];
    } else if (kind == "relink.resolved") {
      --replay_.relinks_open[link_id];
    } else if (kind.starts_with("account.")) {
      change(replay_.links[link_id].accounts, kind.substr(8), id, before, after);
    } else if (kind.starts_with("transaction.")) {
      change(replay_.links[link_id].transactions, kind.substr(12), id, before, after);
    }
  }

  void change(Rows& rows, std::string_view verb, const std::string& id, const std::string& before,
              const std::string& after) {
    const bool comes = verb == "created" || verb == "returned";
    const bool leaves = verb == "removed" || verb == "gone";
    const auto held = rows.find(id);
    if (comes != (held == rows.end())) {
      complain(comes ? "brings what is there" : "is about what is not there");
    } else if (!comes && held->second != before) {
      complain("tells another row before it than the last entry left");
    }
    if (leaves) {
      rows.erase(id);
    } else {
      rows[id] = after;
    }
  }

  FeedReplay& replay_;
  unsigned long long last_ = 0;
  std::string where_;
};

}  // namespace

LinkRows truth_of(Sandbox& sandbox, const std::string& link_id) {
  const Json truth = sandbox.control("GET", "links/" + link_id + "/truth");
  return {rows_of(truth["accounts"]), rows_of(truth["transactions"])};
}

LinkRows stored_rows(Daemon& daemon, const std::string& link_id) {
  LinkRows out;
  for (const Json& account : daemon.list("/v1/links/" + link_id + "/accounts")) {
    if (!account["gone"].is_true()) {
      out.accounts.emplace(account["account_id"].text(), account["data"].canonical());
    }
  }
  for (const Json& row : daemon.list("/v1/links/" + link_id + "/transactions")) {
    out.transactions.emplace(row["transaction_id"].text(), row["data"].canonical());
  }
  return out;
}

std::string first_difference(const LinkRows& expected, const LinkRows& found) {
  const std::string accounts = difference_in("account", expected.accounts, found.accounts);
  return accounts.empty() ? difference_in("transaction", expected.transactions, found.transactions)
                          : accounts;
}

struct FeedFollower::Impl {
  explicit Impl(FeedReplay& replay) : reader(replay) {}

  Reader reader;
  std::vector<std::size_t> seen;  // hash of each entry's text; entry 1 is the first
};

FeedFollower::FeedFollower() : impl_(std::make_unique<Impl>(replay_)) {
}

FeedFollower::~FeedFollower() = default;

bool FeedFollower::read_on(const Daemon& daemon) {
  while (true) {
    const unsigned long long before = impl_->reader.last();
    const Reply reply = daemon.ask("GET", "/v1/feed?limit=1000&after=" + std::to_string(before));
    if (reply.status != 200) {
      return false;
    }
    const Json answer = Json::parse(reply.body);
    replay_.head = answer["head"].number();
    if (replay_.head < before) {
      replay_.problems.push_back("the feed went back from " + std::to_string(before) + " to " +
                                 std::to_string(replay_.head));
    }
    for (const Json& entry : answer["items"].items()) {
      impl_->reader.read(entry);
      impl_->seen.push_back(std::hash<std::string>{}(entry.canonical()));
    }
    if (answer["items"].items().empty()) {
      if (impl_->reader.last() < replay_.head) {
        replay_.problems.push_back("the feed ends at " + std::to_string(impl_->reader.last()) +
                                   ", its head is " + std::to_string(replay_.head));
      }
      return true;
    }
  }
}

bool FeedFollower::read_again(const Daemon& daemon) {
  std::size_t at = 0;
  while (at < impl_->seen.size()) {
    const Reply reply = daemon.ask("GET", "/v1/feed?limit=1000&after=" + std::to_string(at));
    if (reply.status != 200) {
      return false;
    }
    const Json answer = Json::parse(reply.body);
    if (answer["items"].items().empty()) {
      replay_.problems.push_back("entry " + std::to_string(at + 1) + " was told once and is gone");
      return true;
    }
    for (const Json& entry : answer["items"].items()) {
      if (at < impl_->seen.size() && impl_->seen[at] != std::hash<std::string>{}(entry.canonical())) {
        replay_.problems.push_back("entry " + std::to_string(at + 1) + " was told differently before; now " +
                                   entry.canonical());
      }
      ++at;
    }
  }
  return true;
}

FeedReplay replay_feed(Daemon& daemon) {
  FeedFollower follower;
  if (!follower.read_on(daemon)) {
    throw Failed("the feed is not answered:\n" + daemon.process().log_tail());
  }
  return follower.replay();
}

}  // namespace syncd::test::e2e
