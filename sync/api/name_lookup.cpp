#include "sync/api/name_lookup.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/eventfd.h>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <utility>

#include <boost/asio/post.hpp>

namespace syncd::api {

namespace {

using boost::asio::ip::address;

address address_of(const sockaddr& raw) {
  if (raw.sa_family == AF_INET) {
    const auto& four = reinterpret_cast<const sockaddr_in&>(raw);
    return boost::asio::ip::address_v4(ntohl(four.sin_addr.s_addr));
  }
  const auto& six = reinterpret_cast<const sockaddr_in6&>(raw);
  boost::asio::ip::address_v6::bytes_type bytes;
  std::ranges::copy(six.sin6_addr.s6_addr, bytes.begin());
  return boost::asio::ip::address_v6(bytes, six.sin6_scope_id);
}

}  // namespace

NameAnswer ask_system_for_addresses(const std::string& host) {
  addrinfo hints = {};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  // tidy: allow seam: this is the default behind NameResolver, which tests replace
  const int error = ::getaddrinfo(host.c_str(), nullptr, &hints, &list);
  NameAnswer answer;
  if (error != 0) {
    answer.failure = error == EAI_SYSTEM ? std::generic_category().message(errno) : ::gai_strerror(error);
    return answer;
  }
  for (const addrinfo* entry = list; entry != nullptr; entry = entry->ai_next) {
    const bool known = entry->ai_family == AF_INET || entry->ai_family == AF_INET6;
    if (known) answer.addresses.push_back(address_of(*entry->ai_addr));
  }
  ::freeaddrinfo(list);
  return answer;
}

// Shared with the thread that asks; the one that lets go last ends it. `answer` belongs to that thread until
// `ready`.
struct NameLookup::Question {
  Question() : signal(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  Question(const Question&) = delete;
  Question& operator=(const Question&) = delete;
  ~Question() {
    if (signal >= 0) ::close(signal);
  }
  void tell() {
    ready.store(true, std::memory_order_release);
    ::eventfd_write(signal, 1);
  }

  int signal;
  NameAnswer answer;
  std::atomic<bool> ready = false;
  bool wanted = true;  // the io thread's
};

NameLookup::NameLookup(IoExecutor executor, NameResolver resolver)
    : answered_(executor), resolver_(resolver ? std::move(resolver) : &ask_system_for_addresses) {
}

NameLookup::~NameLookup() {
  cancel();
}

// What keeps the question from being asked; empty: it is under way.
std::string NameLookup::ask(const std::shared_ptr<Question>& question, const std::string& host) {
  const int watched = ::fcntl(question->signal, F_DUPFD_CLOEXEC, 0);
  if (watched < 0) return std::generic_category().message(errno);
  boost::system::error_code failed;
  answered_.assign(watched, failed);
  if (failed) {
    ::close(watched);
    return failed.message();
  }
  try {
    std::thread([question, host, resolver = resolver_] {
      question->answer = resolver(host);
      question->tell();
    }).detach();
  } catch (const std::system_error& refused) {
    return refused.code().message();
  }
  return {};
}

void NameLookup::start(const std::string& host, std::function<void(NameAnswer)> done) {
  const auto question = std::make_shared<Question>();
  question_ = question;
  if (const std::string hindrance = ask(question, host); !hindrance.empty()) {
    question->answer.failure = "cannot ask: " + hindrance;
    question->ready = true;
    boost::asio::post(answered_.get_executor(), [this, question, done = std::move(done)] {
      if (question->wanted) finish(*question, done);
    });
    return;
  }
  answered_.async_wait(boost::asio::posix::descriptor_base::wait_read,
                       [this, question, done = std::move(done)](const boost::system::error_code& error) {
                         if (!error && question->wanted) finish(*question, done);
                       });
}

void NameLookup::finish(Question& question, const std::function<void(NameAnswer)>& done) {
  if (!question.ready.load(std::memory_order_acquire)) return;
  cancel();
  done(std::move(question.answer));
}

void NameLookup::cancel() {
  if (question_) question_->wanted = false;
  question_ = nullptr;
  boost::system::error_code ignored;
  answered_.close(ignored);
}

}  // namespace syncd::api
