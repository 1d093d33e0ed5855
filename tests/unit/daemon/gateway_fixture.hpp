#pragma once

#include <exception>
#include <optional>
#include <utility>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include "sync/engine/store_gateway.hpp"
#include "sync/engine/system_timers.hpp"
#include "sync/engine/task_group.hpp"
#include "tests/unit/store/store_fixture.hpp"

namespace syncd::test {

// A real store behind the real gateway; the io thread is the test's.
class GatewayTest : public StoreTest {
 protected:
  void SetUp() override {
    open();
    gateway_.emplace(*store_, io_.get_executor(), timers_, [](const core::CommitReport&) {});
  }
  void TearDown() override {
    run(gateway_->stop());
    gateway_.reset();
  }
  // Until the task has ended.
  void run(api::Task<void> task) {
    group_.spawn(std::move(task));
    while (group_.size() > 0) {
      io_.restart();
      io_.run_one();
    }
  }

  boost::asio::io_context io_;
  boost::asio::executor_work_guard<api::IoExecutor> work_{io_.get_executor()};
  engine::SystemTimers timers_{io_.get_executor()};
  engine::TaskGroup group_{io_.get_executor(),
                           [](std::exception_ptr error) { std::rethrow_exception(error); }};
  std::optional<engine::StoreGateway> gateway_;
};

}  // namespace syncd::test
