#pragma once

#include <filesystem>
#include <string>

#include "tests/loopback/certificates.hpp"
#include "tests/loopback/fake_server.hpp"
#include "tests/loopback/http_client.hpp"

namespace syncd::test {

// Where the client believes to be; the server is on loopback.
inline constexpr const char* host = "api.test.example";

// One authority for all tests of the program, and a directory for its file.
class Authority {
 public:
  Authority();
  ~Authority();
  Authority(const Authority&) = delete;
  Authority& operator=(const Authority&) = delete;

  Identity root;
  std::filesystem::path file;

 private:
  std::filesystem::path directory_;
};
const Authority& authority();

api::TransportOptions tls_options(std::uint16_t port, const std::string& name = host);
CertificateSpec good_spec();

// What a client makes of a server with this certificate. Where it refuses, no byte of a request was sent.
HttpClient::Outcome ask(const Identity& identity, const ServerTls& server_tls = {},
                        const std::string& name = host);
// The same with a certificate that the authority signed.
HttpClient::Outcome ask(const CertificateSpec& spec, const ServerTls& server_tls = {},
                        const std::string& name = host);

void expect_refused(const HttpClient::Outcome& outcome, const std::string& why);
void expect_accepted(const HttpClient::Outcome& outcome);

}  // namespace syncd::test
