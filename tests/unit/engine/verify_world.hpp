#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sync/engine/engine.hpp"
#include "tests/sim/model_store.hpp"
#include "tests/unit/api/fake_upstream.hpp"
#include "tests/unit/core/one_link.hpp"
#include "tests/unit/engine/requester.hpp"
#include "tests/unit/engine/virtual_io.hpp"

namespace syncd::test {

// The model store behind the port, with notes and dead letters.
class ModelPort final : public engine::StorePort {
 public:
  api::Task<core::Result<std::optional<core::LinkRecord>>> load(core::LinkId link_id) override;
  api::Task<core::Result<core::Held>> lookup(core::LookupRequest request) override;
  api::Task<core::Result<void>> commit(core::LinkUpdate update) override;
  api::Task<core::Result<void>> record_act(core::AuditNote note) override {
    co_return model.record_act(core::WallTime{}, note);
  }
  api::Task<core::Result<void>> put_freeze(core::GateFreeze) override { co_return core::Result<void>{}; }
  bool healthy() const override { return well; }
  api::Task<core::Result<std::optional<core::LinkId>>> next_link(std::string after) override;
  api::Task<core::Result<std::optional<std::string>>> note(std::string name) override;
  api::Task<core::Result<void>> put_note(std::string name, std::string value) override;
  api::Task<core::Result<bool>> put_link_note(core::LinkId link_id, std::string name,
                                              std::string value) override;

  ModelStore model;
  std::map<std::string, std::string> notes;
  std::uint64_t commits = 0;
  std::function<void()> before_commit;  // once, while a commit is handed over
  bool well = true;
  bool reads_fail = false;  // of notes and of the order of links
};

class VerifyObserver final : public engine::EngineObserver {
 public:
  void on_cycle(const core::CycleReport& report) override { cycles.push_back(report); }
  void on_auth_incident(bool refused, const core::Error&) override { auth_refused |= refused; }
  void on_discovery(const std::vector<core::LinkId>&, std::uint64_t, const std::vector<core::LinkId>&,
                    std::uint64_t) override {}
  void on_discovery_failed(const core::Error&) override {}
  void on_store_failed(const core::Error& error) override { store_failures.push_back(error); }
  void on_verify(const core::VerifyReport& report) override { verifies.push_back(report); }
  void on_entry_moved(const core::RelinkEntry& entry) override { moved.push_back(entry.status); }

  std::vector<core::CycleReport> cycles;
  std::vector<core::VerifyReport> verifies;
  std::vector<core::Error> store_failures;
  std::vector<core::RelinkStatus> moved;  // entries, by hand
  bool auth_refused = false;              // at any time
};

// The real engine over a bank whose links all have the same rows, served three to a page from the null
// cursor.
struct VerifyWorld {
  using Notes = std::map<std::string, std::string>;
  // `notes`: what the run before left in the store; `readable`: also at the start.
  explicit VerifyWorld(api::Budgets budgets = {}, core::Policy policy = {}, Notes notes = {},
                       bool readable = true);
  ~VerifyWorld();

  // Registers and syncs links, and lets the minute of their requests pass.
  void sync(const std::vector<std::string>& link_ids);
  // Verifies the link and lets it come to an end.
  core::VerifyReport verify(const std::string& link_id = the_link);
  // Feed entries about rows and accounts since the last call, as `kind id cause`.
  Lines news();
  ById<core::StoredTransaction>& rows(const std::string& link_id = the_link) {
    return port.model.rows[core::LinkId{link_id}];
  }
  core::LinkRecord& record(const std::string& link_id = the_link) {
    return port.model.links[core::LinkId{link_id}];
  }
  // Damage, as no rule of the daemon would do it.
  void lose(const std::string& id);
  void plant(const std::string& id, const std::string& json, bool is_pending = false);

  FakeTransport::Answer answer(const api::HttpCall& call);
  FakeTransport::Answer page(const std::string& link_id, const std::string& cursor);

  VirtualIo io;
  std::vector<std::string> truth{posted("a"), posted("b"), posted("c"), posted("d"), pending("p")};
  std::vector<std::string> truth_accounts{account("acc_1")};
  std::string clock = clock_1;
  std::string accounts_clock = clock_1;
  // What a test puts in the way; nullopt: the bank answers.
  std::function<std::optional<FakeTransport::Answer>(const api::HttpCall&)> instead;
  std::uint64_t null_cursor_calls = 0;
  FakeTransport transport{[this](const api::HttpCall& call) { return answer(call); }};
  api::RateGate gate;
  api::MoneykitApi upstream;
  ModelPort port;
  VerifyObserver observer;
  std::optional<engine::Engine> engine;
  std::size_t told = 0;
};

std::string cursor_of(const api::HttpCall& call);  // empty: from the start
bool asks_for_page(const api::HttpCall& call);
bool asks_for_accounts(const api::HttpCall& call);
// Of the second reading; ordinary visits ask behind the end of the history.
bool is_reading(const api::HttpCall& call);

// ---- what the tests of a verify do to the one link ----

// An answer instead of that of the world; nullopt: the world's own.
using Answer = std::optional<FakeTransport::Answer>;

core::LinkId the_id();
api::Task<void> add(engine::Engine& engine);
api::Task<void> pause(engine::Engine& engine, std::string link_id = the_link);

}  // namespace syncd::test
