#include "daemon/memory.hpp"

#ifdef SYNCD_TCMALLOC
#include <gperftools/malloc_extension_c.h>
#else
#include <malloc.h>
#endif

namespace syncd::daemon {

void release_free_memory() {
#ifdef SYNCD_TCMALLOC
  MallocExtension_ReleaseFreeMemory();
#else
  malloc_trim(0);
#endif
}

}  // namespace syncd::daemon
