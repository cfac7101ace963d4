# Run by `cmake --install`, and by CPack: files whose text or place depends on the prefix.
if(CMAKE_INSTALL_PREFIX STREQUAL "/usr")
  set(GW_CONFIG_DIR /etc/gwctl)
else()
  set(GW_CONFIG_DIR ${CMAKE_INSTALL_PREFIX}/etc/gwctl)
endif()
set(GW_BIN_DIR ${CMAKE_INSTALL_PREFIX}/bin)

set(made ${GW_BUILD_DIR}/packaging)
configure_file(${GW_PACKAGING_DIR}/systemd/gwctl.service.in ${made}/gwctl.service @ONLY)
file(INSTALL ${made}/gwctl.service DESTINATION ${CMAKE_INSTALL_PREFIX}/lib/systemd/system)
configure_file(${GW_PACKAGING_DIR}/systemd/gwctl.sysusers ${made}/gwctl.conf COPYONLY)
file(INSTALL ${made}/gwctl.conf DESTINATION ${CMAKE_INSTALL_PREFIX}/lib/sysusers.d)

# What an operator has written stays.
if(NOT EXISTS $ENV{DESTDIR}${GW_CONFIG_DIR}/gateway.yaml)
  file(INSTALL ${GW_PACKAGING_DIR}/gateway.yaml DESTINATION ${GW_CONFIG_DIR})
endif()
