#pragma once

#include <cstring>
#include <deque>
#include <mutex>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/unit/daemon/scratch.hpp"

namespace syncd::test {

struct Canned {
  int status = 200;
  std::string body;
};

// Answers one connection after the other with what is in store, and notes what was asked; with nothing left
// it closes the connection without an answer, and so it does for the status 0.
class ScriptedDaemon {
 public:
  ScriptedDaemon() : fd_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path().c_str(), sizeof(address.sun_path) - 1);
    EXPECT_EQ(bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(listen(fd_, 8), 0);
    thread_ = std::thread([this] { serve(); });
  }
  ~ScriptedDaemon() {
    shutdown(fd_, SHUT_RDWR);
    thread_.join();
    close(fd_);
  }
  ScriptedDaemon(const ScriptedDaemon&) = delete;
  ScriptedDaemon& operator=(const ScriptedDaemon&) = delete;

  std::string path() const { return scratch_.path("admin.sock"); }
  void answers(std::vector<Canned> answers) {
    const std::lock_guard guard(mutex_);
    answers_.assign(answers.begin(), answers.end());
    asked_.clear();
  }
  // `METHOD target body` of each request since then.
  std::vector<std::string> asked() {
    const std::lock_guard guard(mutex_);
    return asked_;
  }

 private:
  void serve() {
    for (;;) {
      const int client = accept(fd_, nullptr, nullptr);
      if (client < 0) return;
      const std::string request = read_request(client);
      const std::string answer = take_answer(request);
      send(client, answer.data(), answer.size(), MSG_NOSIGNAL);
      close(client);
    }
  }
  static std::string read_request(int client) {
    std::string text;
    char buffer[4096];
    for (;;) {
      const std::size_t head = text.find("\r\n\r\n");
      const std::size_t length = text.find("Content-Length: ");
      if (head != std::string::npos) {
        const std::size_t body = length < head ? std::stoul(text.substr(length + 16)) : 0;
        if (text.size() >= head + 4 + body) return text;
      }
      const ssize_t got = recv(client, buffer, sizeof buffer, 0);
      if (got <= 0) return text;
      text.append(buffer, static_cast<std::size_t>(got));
    }
  }
  std::string take_answer(const std::string& request) {
    const std::lock_guard guard(mutex_);
    const std::string body = request.substr(request.find("\r\n\r\n") + 4);
    asked_.push_back(request.substr(0, request.find(" HTTP/")) + (body.empty() ? "" : " " + body));
    if (answers_.empty()) return {};
    const Canned answer = answers_.front();
    answers_.pop_front();
    if (answer.status == 0) return {};
    return "HTTP/1.1 " + std::to_string(answer.status) +
           " X\r\nContent-Length: " + std::to_string(answer.body.size()) + "\r\nConnection: close\r\n\r\n" +
           answer.body;
  }

  ScratchDirectory scratch_;
  int fd_;
  std::thread thread_;
  std::mutex mutex_;
  std::deque<Canned> answers_;
  std::vector<std::string> asked_;
};

}  // namespace syncd::test
