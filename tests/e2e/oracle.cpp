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

FeedReplay replay_feed(Daemon& daemon) {
  FeedReplay replay;
  Reader reader(replay);
  while (true) {
    const Json answer = daemon.admin("GET", "/v1/feed?limit=1000&after=" + std::to_string(reader.last()));
    const unsigned long long before = reader.last();
    for (const Json& entry : answer["items"].items()) {
      reader.read(entry);
    }
    replay.head = answer["head"].number();
    if (reader.last() == before) {
      break;
    }
  }
  if (reader.last() != replay.head) {
    replay.problems.push_back("the feed ends at " + std::to_string(reader.last()) + ", its head is " +
                              std::to_string(replay.head));
  }
  return replay;
}

}  // namespace syncd::test::e2e
