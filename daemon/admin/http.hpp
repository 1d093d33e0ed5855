#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <utility>
#include <vector>

#include "sync/api/secret.hpp"
#include "sync/api/task.hpp"
#include "sync/core/types.hpp"

namespace syncd::daemon {

// Who is at the other end of a unix socket, as the kernel says (SO_PEERCRED).
struct Peer {
  uid_t uid = 0;
  gid_t gid = 0;
  pid_t pid = 0;
  std::vector<gid_t> groups = {};  // the supplementary ones
};

// Whether the peer may use a socket of this group: root, the daemon's own user, and the group's members. The
// kernel asks the same of the file's mode; this holds also where the mode was widened.
bool may_use(const Peer& peer, uid_t own_user, gid_t socket_group);

// One request, after framing; nothing in it is checked yet but that none of these fields came twice.
struct HttpRequest {
  std::string method;
  std::string target;
  std::string content_type;
  std::string body;
  std::optional<Peer> peer;  // empty: TCP
  std::string remote = {};   // TCP: the address of the other end, without its port
  std::optional<api::Secret> authorization = {};
  std::optional<std::string> host = {};
  std::optional<std::string> origin = {};
  std::optional<std::string> sec_fetch_site = {};
  std::optional<std::string> idempotency_key = {};
  std::string signature = {};  // MoneyKit-Signature, of a webhook; empty: none
  // Filled in by the routes once it is known who asks: `uid:1000`, `token:NAME`, and with an Idempotency-Key
  // the digests of the actor with the key and of all that is asked.
  std::string actor = {};
  core::Digest key_digest = {};
  core::Digest content_digest = {};
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::string allow;  // of a 405
  // Beside those that every answer has; names and values are ours, without line breaks.
  std::vector<std::pair<std::string_view, std::string>> headers = {};
  bool admitted = false;  // it is known who asked
  bool close = false;     // the connection, behind this answer
};

// Answers requests of one listener. Thread: the io thread. A cancelled task answers at once.
class HttpService {
 public:
  virtual ~HttpService() = default;
  virtual api::Task<HttpResponse> handle(HttpRequest request) = 0;
};

// RFC 9457 problem details. `code` is stable and for programs, `detail` is for people.
HttpResponse problem(int status, std::string_view code, std::string_view detail);
// With one more member, `extra`, whose value is the JSON text `json` (RFC 9457 section 3.2).
HttpResponse problem(int status, std::string_view code, std::string_view detail, std::string_view extra,
                     std::string_view json);
// A problem of status 429 or 503 that says when it is worth asking again: Retry-After, in whole seconds, at
// least one.
HttpResponse try_later(int status, std::string_view code, std::string_view detail, core::Millis wait);
std::string_view reason_phrase(int status);

}  // namespace syncd::daemon
