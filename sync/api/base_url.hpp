#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "sync/core/result.hpp"

namespace syncd::api {

// Where upstream is.
struct BaseUrl {
  bool tls = true;
  std::string host;  // lower case; an IPv6 address without brackets
  std::uint16_t port = 443;
  std::string path;  // put before every target; empty, or starting and not ending with '/'

  // `host` or `host:port`, the port only when it is not the scheme's; an IPv6 address in brackets.
  std::string authority() const;
};

// `https://host[:port][/path]`; `http://` for loopback hosts only (localhost, 127.0.0.0/8, ::1), because
// credentials travel in the clear. No user, query or fragment. Errc::invalid says what is wrong with which
// part.
core::Result<BaseUrl> parse_base_url(std::string_view text);

}  // namespace syncd::api
