#!/bin/sh
# First start: a copy of the chapters that the student may change. Then the server that the hub asked for.
set -eu
[ -e "$HOME/course" ] || cp -R /srv/course-material/chapters "$HOME/course"
exec jupyterhub-singleuser "$@"
