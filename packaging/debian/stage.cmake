# Run by CPack between installing and packing: what Debian wants otherwise than `cmake --install` does.
# CPACK_TEMPORARY_INSTALL_DIRECTORY is the root of the package.
set(root ${CPACK_TEMPORARY_INSTALL_DIRECTORY})
set(here ${CMAKE_CURRENT_LIST_DIR})
set(doc ${root}/usr/share/doc/gwctl)

function(run)
  execute_process(COMMAND ${ARGN} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

# Debian 12 looks for units in /lib, and for completions of zsh in a folder of its own. The user is
# made by postinst.
file(MAKE_DIRECTORY ${root}/lib/systemd)
file(RENAME ${root}/usr/lib/systemd/system ${root}/lib/systemd/system)
file(REMOVE_RECURSE ${root}/usr/lib)
file(RENAME ${root}/usr/share/zsh/site-functions ${root}/usr/share/zsh/vendor-completions)

# Not file(INSTALL), which would put DESTDIR before these.
file(MAKE_DIRECTORY ${root}/etc/default ${root}/etc/logrotate.d)
file(COPY_FILE ${here}/copyright ${doc}/copyright)
file(COPY_FILE ${here}/changelog ${doc}/changelog.Debian)
file(COPY_FILE ${here}/../../CHANGELOG.md ${doc}/changelog)
file(COPY_FILE ${here}/default ${root}/etc/default/gwctl)
# Elsewhere an example: only here is it known where logrotate looks.
file(RENAME ${doc}/examples/gwctl.logrotate ${root}/etc/logrotate.d/gwctl)

file(GLOB pages ${root}/usr/share/man/man1/*.1)
run(gzip -9n ${pages} ${doc}/changelog.Debian ${doc}/changelog)
run(strip --strip-unneeded --remove-section=.comment --remove-section=.note ${root}/usr/bin/gwctl)
# Whatever the umask of who builds is.
run(chmod -R u=rwX,go=rX ${root})
