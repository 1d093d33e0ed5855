#pragma once

#include <atomic>
#include <list>
#include <string>
#include <thread>

namespace syncd::test::e2e {

/// Stands before an upstream on plain http and passes on what it is asked, but answers
/// GET /.well-known/jwks.json itself: with a key that a test has. For requests without a body.
class KeySetFront {
 public:
  /// `upstream`: "http://127.0.0.1:PORT".
  KeySetFront(const std::string& upstream, std::string key_set);
  ~KeySetFront();
  KeySetFront(const KeySetFront&) = delete;
  KeySetFront& operator=(const KeySetFront&) = delete;

  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  /// How often the key set was asked for.
  [[nodiscard]] int asked() const { return asked_; }
  /// The header of the last such request.
  [[nodiscard]] std::string last_request() const { return last_request_; }

 private:
  void accept_all();
  void serve(int client);

  int upstream_port_;
  std::string key_set_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<int> asked_ = 0;
  std::atomic<bool> stopping_ = false;
  std::string last_request_;
  std::list<std::thread> threads_;
  std::thread acceptor_;
};

}  // namespace syncd::test::e2e
