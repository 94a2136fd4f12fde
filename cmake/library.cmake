# SPDX-License-Identifier: MIT
# liblcp, static and shared: the machine (lcp/core.h) and the client of a daemon
# (lcp/client.h). Its objects are those of the rooms, so nothing is compiled for it alone.
set(parts "")
foreach(room base core ipc)
  list(APPEND parts $<TARGET_OBJECTS:lcp_${room}>)
endforeach()

add_library(liblcp STATIC ${parts})
add_library(liblcp_shared SHARED ${parts})
foreach(library liblcp liblcp_shared)
  set_target_properties(${library} PROPERTIES OUTPUT_NAME lcp LINKER_LANGUAGE C
                        VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR})
  target_link_libraries(${library} PRIVATE lcp::sodium m)
endforeach()
