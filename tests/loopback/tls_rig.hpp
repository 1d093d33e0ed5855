#pragma once

#include <string>

#include "tests/loopback/authority.hpp"
#include "tests/loopback/fake_server.hpp"
#include "tests/loopback/http_client.hpp"

namespace syncd::test {

api::TransportOptions tls_options(std::uint16_t port, const std::string& name = host);

// What a client makes of a server with this certificate. Where it refuses, no byte of a request was sent.
HttpClient::Outcome ask_server(SSL_CTX* server_tls, const std::string& name = host);
HttpClient::Outcome ask(const Identity& identity, const ServerTls& server_tls = {},
                        const std::string& name = host);
// The same with a certificate that the authority signed.
HttpClient::Outcome ask(const CertificateSpec& spec, const ServerTls& server_tls = {},
                        const std::string& name = host);

void expect_refused(const HttpClient::Outcome& outcome, const std::string& why);
void expect_accepted(const HttpClient::Outcome& outcome);

}  // namespace syncd::test
