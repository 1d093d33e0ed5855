#include <future>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include "daemon/admin/http_server.hpp"
#include "tests/loopback/certificates.hpp"
#include "tests/unit/daemon/scratch.hpp"
#include "tests/unit/daemon/server_rig.hpp"

// The server on TCP, plain and under TLS.
namespace syncd::test {

using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

namespace {

constexpr const char* loopback = "127.0.0.1";

daemon::Listener listen_here() {
  return std::move(*daemon::listen_tcp({.address = loopback, .port = 0}));
}

// What the server at `port` says to `request` and then closes.
std::string ask(int port, const std::string& request) {
  return Connection(loopback, port).ask(request);
}

std::string body_of(const std::string& answer) {
  return answer.substr(answer.find("\r\n\r\n") + 4);
}

}  // namespace

TEST(TcpServer, HandsOnWhatTheRulesNeed) {
  Running running(listen_here(), {});
  const int port = port_of(running.server.name());
  EXPECT_EQ(
      body_of(ask(port,
                  "GET /fields HTTP/1.1\r\nhost: a:1\r\nAUTHORIZATION: Bearer x\r\nOrigin: http://a:1\r\n"
                  "sec-fetch-site: none\r\nidempotency-KEY: k\r\nConnection: close\r\n\r\n")),
      "127.0.0.1|Bearer x|a:1|http://a:1|none|k");
  EXPECT_EQ(body_of(ask(port, "GET /fields HTTP/1.1\r\nConnection: close\r\n\r\n")),
            "127.0.0.1|none|none|none|none|none");
  EXPECT_EQ(
      body_of(ask(port, "GET /fields HTTP/1.1\r\nHost:\r\nIdempotency-Key:\r\nConnection: close\r\n\r\n")),
      "127.0.0.1|none||none|none|")
      << "empty is not absent";
}

TEST(TcpServer, EveryAnswerHasTheHeadersThatKeepItAlone) {
  Running running(listen_here(), {});
  const int port = port_of(running.server.name());
  for (const char* request :
       {"GET /fields HTTP/1.1\r\nConnection: close\r\n\r\n", "HEAD / HTTP/1.1\r\nConnection: close\r\n\r\n",
        "nonsense\r\n\r\n", "POST / HTTP/1.1\r\nContent-Length: 70000\r\n\r\n"}) {
    const std::string answer = ask(port, request);
    for (const char* header :
         {"Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; connect-src "
          "'self'; img-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; "
          "require-trusted-types-for 'script'; trusted-types 'none'\r\n",
          "Cache-Control: no-store\r\n", "X-Content-Type-Options: nosniff\r\n", "X-Frame-Options: DENY\r\n",
          "Referrer-Policy: no-referrer\r\n", "Cross-Origin-Opener-Policy: same-origin\r\n",
          "Cross-Origin-Resource-Policy: same-origin\r\n"}) {
      EXPECT_THAT(answer, HasSubstr(header)) << request;
    }
    EXPECT_THAT(answer, Not(HasSubstr("Access-Control-"))) << request;
    EXPECT_THAT(answer, Not(HasSubstr("Set-Cookie"))) << request;
  }
  EXPECT_THAT(ask(port, "GET /fields HTTP/1.1\r\nConnection: close\r\n\r\n"),
              HasSubstr("\r\nX-Extra: more\r\n"));
}

TEST(TcpServer, RefusesWhatTwoReadersCouldUnderstandInTwoWays) {
  Running running(listen_here(), {});
  const int port = port_of(running.server.name());
  const std::string get = "GET /fields HTTP/1.1\r\nHost: a\r\n";
  const std::string post = "POST / HTTP/1.1\r\nHost: a\r\n";
  const std::string smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
  const std::vector<std::string> requests = {
      get + "Host: b\r\n\r\n",
      get + "HOST: a\r\n\r\n",
      get + "Authorization: Bearer a\r\nauthorization: Bearer b\r\n\r\n",
      get + "Origin: http://a\r\nOrigin: http://a\r\n\r\n",
      get + "Sec-Fetch-Site: none\r\nSec-Fetch-Site: none\r\n\r\n",
      get + "Idempotency-Key: a\r\nIdempotency-Key: a\r\n\r\n",
      post + "Content-Type: application/json\r\nContent-Type: text/plain\r\n\r\n",
      post + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled,
      post + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + smuggled,
      post + "Content-Length: 0\r\nContent-Length: 44\r\n\r\n" + smuggled,
      post + "Content-Length: 0, 44\r\n\r\n" + smuggled,
      post + "Content-Length: +0\r\n\r\n" + smuggled,
      post + "Content-Length: -1\r\n\r\n" + smuggled,
      post + "Content-Length: 0x2c\r\n\r\n" + smuggled,
      post + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" + smuggled,
      post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled,
      post + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + smuggled,
      post + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + smuggled,
      post + "Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n" + smuggled,
      post + "Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n" + smuggled,
      "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled,
      "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n",
      std::string("GET /") + '\0' + " HTTP/1.1\r\nHost: a\r\n\r\n",
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
      "GET / HTTP/0.9\r\n\r\n",
  };
  for (const std::string& request : requests) {
    const std::string answer = ask(port, request);
    EXPECT_EQ(answer.substr(8, 5), " 400 ") << request;
    EXPECT_THAT(answer, HasSubstr("Connection: close\r\n")) << request;
    EXPECT_THAT(answer, Not(HasSubstr("/smuggled"))) << request;
  }
}

// As RFC 9112 section 5.2 allows: such a line belongs to the value before it, and is no field.
TEST(TcpServer, AFoldedLineIsPartOfItsField) {
  Running running(listen_here(), {});
  const std::string answer =
      ask(port_of(running.server.name()),
          "GET /fields HTTP/1.1\r\nHost: a\r\n Authorization: x\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(body_of(answer), "127.0.0.1|none|a Authorization: x|none|none|none");
}

TEST(TcpServer, BoundsHeadersAndBodies) {
  daemon::ServerOptions options;
  options.header_bytes_max = 1'000;
  options.body_bytes_max = 2'000;
  Running running(listen_here(), options);
  const int port = port_of(running.server.name());
  const auto with_header = [&](std::size_t bytes) {
    return ask(port, "GET / HTTP/1.1\r\nConnection: close\r\nX: " + std::string(bytes, 'x') + "\r\n\r\n");
  };
  EXPECT_THAT(with_header(900), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(with_header(1'000), StartsWith("HTTP/1.1 431 "));
  EXPECT_THAT(with_header(100'000), StartsWith("HTTP/1.1 431 "));
  const auto with_body = [&](std::size_t bytes) {
    return ask(port, "POST / HTTP/1.1\r\nConnection: close\r\nContent-Length: " + std::to_string(bytes) +
                         "\r\n\r\n" + std::string(bytes, 'x'));
  };
  EXPECT_THAT(with_body(2'000), HasSubstr("POST / 2000"));
  EXPECT_THAT(with_body(2'001), StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(ask(port, "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n800\r\n" +
                            std::string(2'048, 'x') + "\r\n0\r\n\r\n"),
              StartsWith("HTTP/1.1 413 "));
}

TEST(TcpServer, ReadsARequestInWhateverPieces) {
  Running running(listen_here(), {});
  const Connection connection(loopback, port_of(running.server.name()));
  const std::string request =
      "POST /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
      "POST /2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 2\r\n\r\nxy";
  for (const char character : request)
    connection.send(std::string(1, character));
  const std::string answer = connection.read_all();
  EXPECT_THAT(answer, HasSubstr("POST /1 5"));
  EXPECT_THAT(answer, EndsWith("POST /2 2 none"));
}

TEST(TcpServer, WhoSaysNothingIsShownOut) {
  daemon::ServerOptions options;
  options.read_deadline = core::Millis{1};
  Running running(listen_here(), options);
  const int port = port_of(running.server.name());
  EXPECT_EQ(Connection(loopback, port).read_all(), "");
  const Connection slow(loopback, port);
  slow.send("GET / HTTP/1.1\r\nHo");
  EXPECT_EQ(slow.read_all(), "");
}

TEST(TcpServer, AnAbandonedWaitFreesItsPlace) {
  Running running(listen_here(), {});
  {
    const Connection impatient(loopback, port_of(running.server.name()));
    impatient.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\nGET /next HTTP/1.1\r\n");
    running.echo.waiting.get_future().wait();
  }
  running.echo.woken.get_future().wait();  // one hour early
}

TEST(TcpServer, NothingStaysOfAClientThatLeaves) {
  daemon::ServerOptions options;
  options.connections_max = 1;
  options.strangers_per_address_max = 1;
  Running running(listen_here(), options);
  const int port = port_of(running.server.name());
  {
    const Connection impatient(loopback, port);
    impatient.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
    running.echo.waiting.get_future().wait();
    EXPECT_EQ(running.echo.calls, 1);
  }
  running.echo.woken.get_future().wait();
  // Its connection ends behind that, and makes room for the only one there may be; until then this is told.
  std::string answer;
  while (!answer.starts_with("HTTP/1.1 200 "))
    answer = ask(port, "GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  running.stop();
  EXPECT_EQ(running.echo.calls, 0);
}

TEST(TcpServer, OneAddressCannotTakeThePlaceOfTheOthers) {
  daemon::ServerOptions options;
  options.connections_max = 8;
  options.strangers_per_address_max = 2;
  options.read_deadline = std::chrono::hours(1);  // they are not shown out
  Running running(listen_here(), options);
  const int port = port_of(running.server.name());
  const std::string stay = "GET /in HTTP/1.1\r\nHost: a\r\n\r\n";
  const std::string leave = "GET /in HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
  const Connection first(loopback, port);
  auto second = std::make_unique<Connection>(loopback, port);
  const std::string refused = ask(port, leave);
  EXPECT_THAT(refused, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(refused, HasSubstr(R"("code":"too_many_connections")"));
  EXPECT_THAT(refused, HasSubstr("Retry-After: 3600\r\n"));
  EXPECT_THAT(Connection(loopback, port, "127.0.0.2").ask(leave), StartsWith("HTTP/1.1 200 "))
      << "another address";
  // Who is admitted is a stranger no more, as long as the connection lasts.
  std::string answer(8, ' ');
  first.send(stay);
  ASSERT_EQ(recv(first.descriptor(), answer.data(), answer.size(), MSG_WAITALL), 8);
  EXPECT_THAT(ask(port, leave), StartsWith("HTTP/1.1 200 "));
  const Connection third(loopback, port);
  EXPECT_THAT(ask(port, leave), StartsWith("HTTP/1.1 503 "));
  second.reset();
  std::string later;
  while (!later.starts_with("HTTP/1.1 200 "))
    later = ask(port, leave);
}

TEST(TcpServer, ARefusedTokenLeavesAStranger) {
  daemon::ServerOptions options;
  options.strangers_per_address_max = 1;
  options.read_deadline = std::chrono::hours(1);
  Running running(listen_here(), options);
  const int port = port_of(running.server.name());
  const Connection stranger(loopback, port);
  stranger.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
  std::string answer(8, ' ');
  ASSERT_EQ(recv(stranger.descriptor(), answer.data(), answer.size(), MSG_WAITALL), 8);
  EXPECT_THAT(ask(port, "GET /in HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
              StartsWith("HTTP/1.1 503 "));
}

TEST(TcpServer, WhoOnlyStopsSendingIsAnswered) {
  Running running(listen_here(), {});
  const Connection connection(loopback, port_of(running.server.name()));
  connection.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
  connection.stop_sending();
  EXPECT_THAT(connection.read_all(), StartsWith("HTTP/1.1 200 "));
}

TEST(TcpServer, StopEndsALongPollWithAnAnswer) {
  Running running(listen_here(), {});
  const Connection waiting(loopback, port_of(running.server.name()));
  waiting.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
  running.echo.waiting.get_future().wait();
  running.stop();
  EXPECT_THAT(waiting.read_all(), HasSubstr("GET /wait"));
}

// ---- TLS ----

namespace {

const Identity& authority() {
  static const Identity made = make_identity({.common_name = "root", .authority = true}, nullptr);
  return made;
}

// A certificate of the authority for 127.0.0.1, in a file.
class Certified {
 public:
  explicit Certified(CertificateSpec spec = {.alternative_names = "IP:127.0.0.1"})
      : identity(make_identity(spec, &authority())), file(scratch_.path("certificate.pem")) {
    write_pem(identity, file);
  }
  api::Secret key() const { return api::Secret(key_pem(identity)); }
  std::shared_ptr<const daemon::ServerTls> tls() const {
    auto made = daemon::ServerTls::create(file, key(), "key.pem", now());
    if (!made) ADD_FAILURE() << made.error().message;
    return made.value_or(nullptr);
  }
  static core::WallTime now() { return std::chrono::floor<core::Millis>(std::chrono::system_clock::now()); }

 private:
  ScratchDirectory scratch_;

 public:
  Identity identity;
  std::string file;
};

struct Client {
  int version_max = 0;  // 0: any
  int version_min = 0;
  const char* suites = nullptr;     // of TLS 1.2
  const char* protocols = nullptr;  // ALPN, as on the wire
  bool trusts = true;
};

// Asks once under TLS, blocking. Empty: no answer. `detail`: protocol and suite, or why there was none.
std::string ask_tls(int port, const std::string& request, const Client& client = {},
                    std::string* detail = nullptr) {
  const ContextPtr context{SSL_CTX_new(TLS_client_method())};
  SSL_CTX_set_security_level(context.get(), 0);
  SSL_CTX_set_min_proto_version(context.get(), client.version_min);
  SSL_CTX_set_max_proto_version(context.get(), client.version_max);
  if (client.suites != nullptr) SSL_CTX_set_cipher_list(context.get(), client.suites);
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  if (client.trusts)
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context.get()), authority().certificate.get());
  const std::unique_ptr<SSL, decltype(&SSL_free)> ssl{SSL_new(context.get()), &SSL_free};
  if (client.protocols != nullptr) {
    SSL_set_alpn_protos(ssl.get(), reinterpret_cast<const unsigned char*>(client.protocols),
                        static_cast<unsigned>(std::strlen(client.protocols)));
  }
  X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl.get()), loopback);
  const Connection connection(loopback, port);
  SSL_set_fd(ssl.get(), connection.descriptor());
  const bool greeted = SSL_connect(ssl.get()) == 1;
  if (detail != nullptr) {
    *detail = greeted ? std::string(SSL_get_version(ssl.get())) + " " + SSL_get_cipher_name(ssl.get())
                      : X509_verify_cert_error_string(SSL_get_verify_result(ssl.get()));
  }
  if (!greeted || SSL_write(ssl.get(), request.data(), static_cast<int>(request.size())) <= 0) return {};
  std::string answer;
  std::array<char, 4096> buffer{};
  int bytes = 0;
  while ((bytes = SSL_read(ssl.get(), buffer.data(), static_cast<int>(buffer.size()))) > 0)
    answer.append(buffer.data(), static_cast<std::size_t>(bytes));
  const bool orderly = SSL_get_error(ssl.get(), bytes) == SSL_ERROR_ZERO_RETURN;
  return orderly ? answer : "cut: " + answer;
}

daemon::ServerOptions with(std::shared_ptr<const daemon::ServerTls> tls) {
  daemon::ServerOptions options;
  options.tls = std::move(tls);
  return options;
}

const std::string one_request = "GET /fields HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

}  // namespace

TEST(TlsServer, AnswersUnderTlsAndSaysGoodbye) {
  const Certified certified;
  Running running(listen_here(), with(certified.tls()));
  const int port = port_of(running.server.name());
  std::string detail;
  const std::string answer = ask_tls(port, one_request, {}, &detail);
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, EndsWith("127.0.0.1|none|a|none|none|none"));
  EXPECT_THAT(detail, StartsWith("TLSv1.3 TLS_"));
  EXPECT_THAT(ask_tls(port,
                      "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\nConnection: "
                      "close\r\n\r\n"),
              EndsWith("GET /2 0 none"));
  EXPECT_THAT(ask_tls(port, "POST / HTTP/1.1\r\nContent-Length: 70000\r\n\r\n"), StartsWith("HTTP/1.1 413 "));
}

TEST(TlsServer, TakesModernProtocolsAndSuitesOnly) {
  const Certified certified({.alternative_names = "IP:127.0.0.1", .rsa_bits = 2048});
  Running running(listen_here(), with(certified.tls()));
  const int port = port_of(running.server.name());
  std::string detail;
  EXPECT_THAT(ask_tls(port, one_request, {.version_max = TLS1_2_VERSION}, &detail),
              StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(detail, testing::MatchesRegex("TLSv1.2 ECDHE-RSA-(AES.*-GCM-.*|CHACHA20-POLY1305)"));
  for (const int old : {TLS1_VERSION, TLS1_1_VERSION}) {
    EXPECT_THAT(ask_tls(port, one_request, {.version_max = old, .version_min = TLS1_VERSION}), IsEmpty())
        << old;
  }
  for (const char* weak : {"AES128-SHA", "AES128-GCM-SHA256", "ECDHE-RSA-AES128-SHA256", "DHE-RSA-AES128-SHA",
                           "ECDHE-RSA-AES256-SHA384", "AECDH-AES128-SHA"}) {
    EXPECT_THAT(ask_tls(port, one_request, {.version_max = TLS1_2_VERSION, .suites = weak}), IsEmpty())
        << weak;
  }
  EXPECT_THAT(ask_tls(port, one_request, {.protocols = "\x02h2\x08http/1.1"}), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(ask_tls(port, one_request, {.protocols = "\x02h2"}), IsEmpty());
}

TEST(TlsServer, WhoDoesNotTrustItHearsNothing) {
  const Certified certified;
  Running running(listen_here(), with(certified.tls()));
  const int port = port_of(running.server.name());
  std::string detail;
  EXPECT_THAT(ask_tls(port, one_request, {.trusts = false}, &detail), IsEmpty());
  EXPECT_THAT(detail, HasSubstr("unable to get local issuer certificate"));
}

TEST(TlsServer, NothingIsEverAnsweredInTheClear) {
  const Certified certified;
  Running running(listen_here(), with(certified.tls()));
  const int port = port_of(running.server.name());
  for (const std::string& request :
       {one_request, std::string("\x16\x03\x01\x00\x05hello"), std::string(20'000, 'x')}) {
    const Connection connection(loopback, port);
    connection.send(request);
    connection.stop_sending();
    EXPECT_THAT(connection.read_all(), Not(HasSubstr("HTTP/1.1"))) << request.substr(0, 20);
  }
  EXPECT_THAT(ask_tls(port, one_request), StartsWith("HTTP/1.1 200")) << "and it goes on";
}

TEST(TlsServer, WhoDoesNotFinishTheGreetingIsShownOut) {
  const Certified certified;
  daemon::ServerOptions options = with(certified.tls());
  options.read_deadline = core::Millis{1};
  options.stop_write_deadline = core::Millis{1};
  Running running(listen_here(), options);
  const int port = port_of(running.server.name());
  EXPECT_EQ(Connection(loopback, port).read_all(), "");
  const Connection half(loopback, port);
  half.send(std::string("\x16\x03\x01\x02\x00", 5));
  EXPECT_EQ(half.read_all(), "");
}

TEST(TlsServer, GreetingsCountAsConnections) {
  const Certified certified;
  daemon::ServerOptions options = with(certified.tls());
  options.connections_max = 1;
  Running running(listen_here(), options);
  const int port = port_of(running.server.name());
  const auto holding = std::make_unique<Connection>(loopback, port);
  EXPECT_EQ(Connection(loopback, port).read_all(), "") << "one too many: closed at once, not in the clear";
}

TEST(TlsServer, StopDoesNotWaitForWhoOnlyGreets) {
  const Certified certified;
  daemon::ServerOptions options = with(certified.tls());
  options.read_deadline = std::chrono::hours(1);  // not to be waited for
  Running running(listen_here(), options);
  const Connection silent(loopback, port_of(running.server.name()));
  EXPECT_THAT(ask_tls(port_of(running.server.name()), one_request), StartsWith("HTTP/1.1 200"));
  running.stop();
  EXPECT_EQ(silent.read_all(), "");
}

TEST(TlsServer, ANewCertificateCountsForNewConnections) {
  const Certified first;
  Running running(listen_here(), with(first.tls()));
  const int port = port_of(running.server.name());
  EXPECT_THAT(ask_tls(port, one_request), StartsWith("HTTP/1.1 200"));
  const Certified elsewhere({.alternative_names = "IP:127.0.0.9"});
  std::promise<void> changed;
  boost::asio::post(running.io, [&] {
    running.server.set_tls(elsewhere.tls());
    changed.set_value();
  });
  changed.get_future().wait();
  std::string detail;
  EXPECT_THAT(ask_tls(port, one_request, {}, &detail), IsEmpty());
  EXPECT_THAT(detail, HasSubstr("IP address mismatch"));
}

TEST(ServerTls, KnowsWhenItsCertificateEnds) {
  const Certified certified({.alternative_names = "IP:127.0.0.1", .not_after = 86'400});
  const core::Millis left = certified.tls()->expires_at() - Certified::now();
  EXPECT_LE(left, std::chrono::hours(24));
  EXPECT_GT(left, std::chrono::hours(23));
}

TEST(ServerTls, SaysWhatIsWrongWithACertificateOrItsKey) {
  const Certified good;
  const ScratchDirectory scratch;
  const auto refusal = [&](const std::string& file, const api::Secret& key) {
    const auto made = daemon::ServerTls::create(file, key, "/etc/key.pem", Certified::now());
    return made ? std::string("accepted") : made.error().message;
  };
  EXPECT_EQ(refusal(good.file, good.key()), "accepted");
  EXPECT_THAT(refusal(scratch.path("none.pem"), good.key()), HasSubstr("none.pem: cannot be loaded"));
  EXPECT_THAT(refusal(scratch.write("x.pem", "hello"), good.key()), HasSubstr("x.pem: cannot be loaded"));
  EXPECT_THAT(refusal(good.file, api::Secret("hello")), HasSubstr("/etc/key.pem: is no private key"));
  EXPECT_THAT(refusal(good.file, api::Secret(key_pem(good.identity, "passphrase"))),
              HasSubstr("/etc/key.pem: is no private key in PEM form without a passphrase"));
  const Certified other;
  EXPECT_THAT(refusal(good.file, other.key()), HasSubstr("does not belong to the certificate"));
  const Certified expired({.alternative_names = "IP:127.0.0.1", .not_after = -60});
  EXPECT_THAT(refusal(expired.file, expired.key()), HasSubstr("it expired at "));
  const Certified early({.alternative_names = "IP:127.0.0.1", .not_before = 3'600});
  EXPECT_THAT(refusal(early.file, early.key()), HasSubstr("it is not valid before "));
  const Certified weak({.alternative_names = "IP:127.0.0.1", .rsa_bits = 1024});
  EXPECT_THAT(refusal(weak.file, weak.key()), HasSubstr("key too small"));
}

}  // namespace syncd::test
