#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tests/unit/core/one_link.hpp"

namespace syncd::fuzz {

// A row of a page, whole.
struct OracleRow {
  std::string id;
  std::string json;
  bool pending = false;
};

struct OraclePage {
  std::vector<OracleRow> created, updated;
  std::vector<std::string> removed;
  std::optional<int> clock;  // products.transactions.refreshed_at, in minutes
  bool more = false;
};

// What upstream's answers mean for the rows of one link, folded without looking at how the daemon does it.
class RowOracle {
 public:
  void page(const OraclePage& page);
  // The history begins anew; what is held stays until the replay has ended.
  void resync();
  // The link is gone: nothing that waited for the end of a drain will be seen.
  void gone();

  std::map<std::string, std::string> visible() const;
  const std::map<std::string, std::string>& pending() const { return pending_; }
  bool draining() const { return draining_; }
  bool resyncing() const { return resyncing_; }

 private:
  void word(const std::string& id, const OracleRow* row);
  void end_drain();

  std::map<std::string, std::string> posted_;     // id to text
  std::map<std::string, std::string> pending_;    // the visible set
  std::map<std::string, std::string> collected_;  // of the drain that is open
  std::set<std::string> met_;                     // posted rows that the replay has shown
  bool draining_ = false;
  bool brought_ = false;
  bool resyncing_ = false;
  std::optional<int> drain_clock_;
  std::optional<int> pending_clock_;
};

// A consumer that knows nothing but the feed. Checks each entry against what it holds.
class FeedConsumer {
 public:
  // Reads on to the end of `feed`.
  void read(const std::vector<test::FeedLine>& feed);
  const std::map<std::string, std::string>& rows() const { return rows_; }
  const std::map<std::string, std::string>& accounts() const { return accounts_; }  // without gone ones

 private:
  void apply(const test::FeedLine& line);

  std::map<std::string, std::string> rows_;
  std::map<std::string, std::string> accounts_;
  std::map<std::string, std::string> gone_;
  bool relink_open_ = false;
  std::size_t at_ = 0;
};

// The same ids with the same JSON values.
bool same_rows(const std::map<std::string, std::string>& a, const std::map<std::string, std::string>& b);

}  // namespace syncd::fuzz
