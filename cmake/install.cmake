# SPDX-License-Identifier: MIT
# Binary, legacy names, library, headers, manual pages, completions. Nothing of it knows the
# prefix, so the installed tree can be moved.
install(TARGETS liblcp liblcp_shared
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/lcp DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")

# lcp.pc finds its prefix from where it lies.
file(RELATIVE_PATH LCP_PC_TO_PREFIX
     /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
string(REGEX REPLACE "/$" "" LCP_PC_TO_PREFIX "${LCP_PC_TO_PREFIX}")
configure_file(cmake/lcp.pc.in lcp.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/lcp.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

if(TARGET lcp)
  install(TARGETS lcp RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  foreach(name lcp_node lcp_send lcp_check lcp_ack lcp_status)
    # In the build tree too: the tests call them there.
    add_custom_command(TARGET lcp POST_BUILD
                       COMMAND ${CMAKE_COMMAND} -E create_symlink lcp ${CMAKE_BINARY_DIR}/${name})
    install(CODE "
      set(bin \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR}\")
      file(CREATE_LINK lcp \"\${bin}/${name}\" SYMBOLIC)
      message(STATUS \"Installing: \${bin}/${name}\")")
  endforeach()
endif()

foreach(section 1 5 7)
  file(GLOB pages CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/man/*.${section})
  install(FILES ${pages} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
endforeach()
install(FILES share/completions/lcp.bash RENAME lcp
        DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(FILES share/completions/lcp.fish
        DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
install(FILES share/completions/_lcp
        DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
install(FILES LICENSE README.md README.zh.md SECURITY.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY docs DESTINATION ${CMAKE_INSTALL_DOCDIR})
