#include "tests/sandbox/server/sandbox.hpp"

#include "tests/sandbox/server/control.hpp"

namespace syncd::sandbox {

Sandbox::Sandbox(UpstreamOptions options, double speed, std::size_t exchanges_kept)
    : speed_(speed),
      base_wall_(wire_now()),
      base_(base_wall_),
      exchanges_kept_(exchanges_kept),
      upstream_(std::move(options)) {
  upstream_.set_bank_speed(speed);
}

TimePoint Sandbox::wire_now() const {
  return std::chrono::floor<Milliseconds>(std::chrono::system_clock::now());
}

TimePoint Sandbox::now() const {
  const auto passed = static_cast<double>((wire_now() - base_wall_).count()) * speed_;
  return base_ + Milliseconds{static_cast<std::int64_t>(passed)};
}

void Sandbox::set_speed(double speed) {
  base_ = now();
  base_wall_ = wire_now();
  speed_ = speed;
  upstream_.set_bank_speed(speed);
}

HttpResponse Sandbox::respond(const HttpRequest& request) {
  if (request.target.starts_with("/sandbox/") || request.target == "/sandbox") {
    return answer_control(*this, request);
  }
  HttpResponse response = upstream_.respond(request, now(), wire_now());
  if (exchanges_kept_ != 0) {
    if (exchanges_.size() >= exchanges_kept_) {
      exchanges_.pop_front();
    }
    exchanges_.push_back({++exchange_number_, wire_now(), request.method, request.target, request.body,
                          response.status, response.fault, response.body});
  }
  return response;
}

void Sandbox::keep_exchanges(std::size_t count) {
  exchanges_kept_ = count;
  while (exchanges_.size() > count) {
    exchanges_.pop_front();
  }
}

}  // namespace syncd::sandbox
