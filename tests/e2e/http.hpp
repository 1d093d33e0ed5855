#pragma once

#include <string>
#include <string_view>

namespace syncd::test::e2e {

/// Where a server listens: the path of a unix socket, or "http://ADDRESS:PORT" (IPv4).
struct Address {
  std::string text;
};

struct Reply {
  int status = 0;  ///< 0: nobody answers, or the connection ended before the whole answer
  std::string body;
  std::string head = {};  ///< the status line and the header fields
};

/// One request on a connection of its own, blocking. `body` is sent as JSON when it is not empty. `headers`:
/// further lines, each with its line's end. Over TCP, Host is the address.
Reply request(const Address& address, std::string_view method, std::string_view target,
              std::string_view body = {}, std::string_view headers = {});

}  // namespace syncd::test::e2e
