#pragma once

#include <filesystem>

#include "tests/loopback/certificates.hpp"

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

CertificateSpec good_spec();

}  // namespace syncd::test
