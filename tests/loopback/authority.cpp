#include "tests/loopback/authority.hpp"

#include <cstdlib>
#include <string>
#include <system_error>

namespace syncd::test {

Authority::Authority()
    : root(make_identity({.common_name = "root", .rsa_bits = 2048, .authority = true}, nullptr)) {
  std::string pattern = std::filesystem::temp_directory_path() / "tls-XXXXXX";
  directory_ = ::mkdtemp(pattern.data());
  file = directory_ / "root.pem";
  write_pem(root, file);
}

Authority::~Authority() {
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

const Authority& authority() {
  static const Authority instance;
  return instance;
}

CertificateSpec good_spec() {
  return {.alternative_names = std::string("DNS:") + host};
}

}  // namespace syncd::test
