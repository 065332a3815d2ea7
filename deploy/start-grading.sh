#!/bin/sh
# The instructors' server, a service of the hub: JupyterLab with a terminal and nbgrader's formgrader, in the class folder.
# GRADING_API_TOKEN is the secret that hub and service share.
set -eu
export JUPYTERHUB_API_TOKEN="${GRADING_API_TOKEN:?is not set}"
export JUPYTERHUB_API_URL="${COURSE_HUB_API:-http://hub:8081/hub/api}"
export JUPYTERHUB_SERVICE_URL="${COURSE_GRADING_LISTEN:-http://0.0.0.0:8888}"
export JUPYTERHUB_SERVICE_NAME=grading
export JUPYTERHUB_SERVICE_PREFIX=/services/grading/
export JUPYTERHUB_BASE_URL=/
export JUPYTERHUB_CLIENT_ID=service-grading
export JUPYTERHUB_OAUTH_CALLBACK_URL=/services/grading/oauth_callback
export JUPYTERHUB_OAUTH_ACCESS_SCOPES='["access:services!service=grading"]'
export JUPYTERHUB_DEFAULT_URL=/lab
unset GRADING_API_TOKEN
cd "${COURSE_CLASS_FOLDER:-/srv/class}"
root=""
[ "$(id -u)" != 0 ] || root="--allow-root"
exec jupyterhub-singleuser $root --ServerApp.root_dir="$PWD"
