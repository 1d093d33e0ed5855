#include <dlfcn.h>
#include <netdb.h>
#include <string_view>

// Loaded into the daemon before the C library: hosts below test.example are on this machine.
extern "C" int getaddrinfo(const char* node, const char* service, const addrinfo* hints, addrinfo** found) {
  using Ask = int (*)(const char*, const char*, const addrinfo*, addrinfo**);
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the interface of dlsym
  static const Ask ask = reinterpret_cast<Ask>(::dlsym(RTLD_NEXT, "getaddrinfo"));
  const bool here = node != nullptr && std::string_view(node).ends_with("test.example");
  return ask(here ? "127.0.0.1" : node, service, hints, found);
}
