#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "sync/api/http_policy.hpp"
#include "sync/api/transport.hpp"

namespace syncd::api {

// Reads one response after another from the bytes of a connection; interim (1xx) answers are skipped. Holds
// only the body and the few fields that matter. Never throws on bad input.
class ResponseReader {
 public:
  enum class State : unsigned char { need_more, complete, refused };
  struct Progress {
    std::size_t consumed = 0;
    State state = State::need_more;
  };

  explicit ResponseReader(const ResponseLimits& limits);
  ~ResponseReader();
  ResponseReader(const ResponseReader&) = delete;
  ResponseReader& operator=(const ResponseReader&) = delete;

  // Forgets what was read: the next byte begins a new response.
  void begin();
  // `bytes` starts with what the last call left unconsumed. With need_more, the rest is shorter than
  // header_bytes_max. With complete, the rest does not belong to the response. Not to be called again after
  // complete or refused.
  Progress feed(std::string_view bytes);

  // With refused: why, for people, without content.
  const std::string& refusal() const;
  // With complete:
  bool keep_alive() const;
  HttpReply take_reply();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace syncd::api
