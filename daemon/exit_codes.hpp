#pragma once

namespace syncd::daemon {

// As in sysexits.h; part of the public interface of all programs.
inline constexpr int exit_ok = 0;
inline constexpr int exit_failure = 1;
inline constexpr int exit_usage = 2;
inline constexpr int exit_unavailable = 69;
inline constexpr int exit_io = 74;
inline constexpr int exit_config = 78;

}  // namespace syncd::daemon
