#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>

#include "sync/api/task.hpp"

namespace syncd::api {

struct NameAnswer {
  std::vector<boost::asio::ip::address> addresses;
  std::string failure;  // for people; empty: none
};

// Blocks as long as it likes; called on a thread of its own.
using NameResolver = std::function<NameAnswer(const std::string& host)>;

// Asks the system, as getaddrinfo does.
NameAnswer ask_system_for_addresses(const std::string& host);

// Asks for the addresses of a host without keeping the io thread, and without holding up its end: a question
// that is under way cannot be interrupted (getaddrinfo), so after cancel() nobody waits for it any more and
// its thread ends by itself. An answer not yet there counts as work of the io_context until then.
//
// Thread: the io thread. One question at a time, so one thread.
class NameLookup {
 public:
  // `resolver` empty: the system.
  NameLookup(IoExecutor executor, NameResolver resolver);
  NameLookup(const NameLookup&) = delete;
  NameLookup& operator=(const NameLookup&) = delete;
  ~NameLookup();

  bool running() const { return question_ != nullptr; }
  // `done` is called from the event loop, not after cancel(). Not to be called while one is running.
  void start(const std::string& host, std::function<void(NameAnswer)> done);
  void cancel();

 private:
  struct Question;
  std::string ask(const std::shared_ptr<Question>& question, const std::string& host);
  void finish(Question& question, const std::function<void(NameAnswer)>& done);

  boost::asio::posix::basic_stream_descriptor<IoExecutor> answered_;
  NameResolver resolver_;
  std::shared_ptr<Question> question_;
};

}  // namespace syncd::api
