# The Debian package of the release build: ./dev package
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME vitrine)
set(CPACK_PACKAGE_CONTACT "Vitrine maintainers <maintainers@vitrine.example>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "read tier for storefronts")
set(CPACK_PACKAGE_DESCRIPTION
    "Vitrine turns the database of a storefront into immutable, columnar SQLite
files, ships them to any number of nodes, and answers the reads of the
storefront from them over HTTP. A definition in YAML says what is read and in
which shape.
.
The package has units for a node, a builder and a primary. None of them runs
before it is set up.")
set(CPACK_PACKAGE_DIRECTORY ${CMAKE_BINARY_DIR})
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "rsync (>= 3.2.4), systemd | systemd-standalone-sysusers")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "logrotate, openssh-client, nginx, python3, rclone, postgresql")
set(debian ${CMAKE_CURRENT_LIST_DIR})
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${debian}/postinst ${debian}/prerm ${debian}/postrm
    ${debian}/conffiles)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

# What is made: the manual page, and Debian's changelog, both compressed without a time.
string(TIMESTAMP package_date "%a, %d %b %Y %H:%M:%S +0000" UTC) # that of SOURCE_DATE_EPOCH
configure_file(${debian}/changelog.in ${CMAKE_BINARY_DIR}/package/changelog @ONLY)
add_custom_command(OUTPUT ${CMAKE_BINARY_DIR}/package/vitrine.1.gz
    COMMAND vitrine help --man > ${CMAKE_BINARY_DIR}/package/vitrine.1
    COMMAND gzip -9nkf ${CMAKE_BINARY_DIR}/package/vitrine.1
    DEPENDS vitrine VERBATIM)
add_custom_command(OUTPUT ${CMAKE_BINARY_DIR}/package/changelog.gz
    COMMAND gzip -9nkf ${CMAKE_BINARY_DIR}/package/changelog
    DEPENDS ${CMAKE_BINARY_DIR}/package/changelog VERBATIM)
add_custom_target(package_files ALL DEPENDS ${CMAKE_BINARY_DIR}/package/vitrine.1.gz
    ${CMAKE_BINARY_DIR}/package/changelog.gz)

set(for_root OWNER_READ OWNER_WRITE GROUP_READ)
install(TARGETS vitrine RUNTIME DESTINATION bin)
install(DIRECTORY assets/atelier assets/pex assets/library DESTINATION share/vitrine/assets)
install(FILES ${CMAKE_BINARY_DIR}/package/vitrine.1.gz DESTINATION share/man/man1)
install(FILES ${CMAKE_BINARY_DIR}/package/changelog.gz ${debian}/copyright CHANGELOG.md
        DESTINATION share/doc/vitrine)
install(DIRECTORY docs/ DESTINATION share/doc/vitrine)
install(PROGRAMS ops/nginx/render.py DESTINATION share/vitrine/nginx)
install(FILES ops/nginx/nginx.conf.in ops/nginx/fleet.ini DESTINATION share/vitrine/nginx)
install(FILES ops/prometheus/vitrine.rules.yml ops/prometheus/prometheus.yml ops/grafana/vitrine.json
        DESTINATION share/doc/vitrine/examples)
install(FILES ${debian}/rsyncd.conf DESTINATION share/doc/vitrine/examples)
install(FILES ${debian}/lintian-overrides DESTINATION share/lintian/overrides RENAME vitrine)
install(FILES ops/systemd/sysusers.conf DESTINATION lib/sysusers.d RENAME vitrine.conf)
install(DIRECTORY ops/systemd/ DESTINATION /lib/systemd/system PATTERN sysusers.conf EXCLUDE)
install(FILES ${debian}/etc/node.env ${debian}/etc/builder.env ${debian}/etc/primary.env
        DESTINATION /etc/vitrine PERMISSIONS ${for_root})
install(PROGRAMS ${debian}/etc/alert DESTINATION /etc/vitrine)
install(FILES ${debian}/logrotate DESTINATION /etc/logrotate.d RENAME vitrine)
include(CPack)
