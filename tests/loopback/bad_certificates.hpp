#pragma once

#include <span>

#include "tests/loopback/authority.hpp"

namespace syncd::test {

// What a server shows, with everything it needs kept alive.
struct Shown {
  Identity identity;
  Identity sent_along = {};  // empty: nothing
  int version_max = 0;       // 0: any
};

ContextPtr make_server_context(const Shown& shown);

// A certificate or handshake that is good but for one thing.
struct BadCertificate {
  const char* name;
  const char* why;  // part of what the client says
  Shown (*show)();
  const char* host = test::host;  // which the client asks for
};

// All of them. A certificate that was revoked is not among them: the client asks for no status, and nobody
// else tells it.
std::span<const BadCertificate> bad_certificates();

}  // namespace syncd::test
