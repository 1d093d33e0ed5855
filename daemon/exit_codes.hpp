#pragma once

namespace syncd::daemon {

// As in sysexits.h; part of the public interface of all programs.
inline constexpr int exit_ok = 0;
inline constexpr int exit_failure = 1;
inline constexpr int exit_usage = 2;
// Where 1 means that something differs: the daemon said no.
inline constexpr int exit_refused = 65;
inline constexpr int exit_unavailable = 69;
// Of moneykitctl: an exception reached the top, which is a defect or a lack of memory.
inline constexpr int exit_defect = 70;
inline constexpr int exit_io = 74;
inline constexpr int exit_config = 78;

}  // namespace syncd::daemon
