#!/bin/sh
# The instructors' two services of the hub, both in the class folder:
#   start-service grading      JupyterLab with a terminal, for every course grade command
#   start-service formgrader   written answers in the browser; runs no code of anybody's
# SERVICE_TOKEN is the secret that hub and service share.
set -eu
service="$1"
export JUPYTERHUB_API_TOKEN="${SERVICE_TOKEN:?is not set}"
export JUPYTERHUB_API_URL="${COURSE_HUB_API:-http://hub:8081/hub/api}"
export JUPYTERHUB_SERVICE_URL="${SERVICE_LISTEN:-http://0.0.0.0:8888}"
export JUPYTERHUB_SERVICE_NAME="$service"
export JUPYTERHUB_SERVICE_PREFIX="/services/$service/"
export JUPYTERHUB_BASE_URL=/
export JUPYTERHUB_CLIENT_ID="service-$service"
export JUPYTERHUB_OAUTH_CALLBACK_URL="/services/$service/oauth_callback"
export JUPYTERHUB_OAUTH_ACCESS_SCOPES="[\"access:services!service=$service\"]"
unset SERVICE_TOKEN
cd "${COURSE_CLASS_FOLDER:-/srv/class}"
set -- --ServerApp.root_dir="$PWD"
[ "$(id -u)" != 0 ] || set -- "$@" --allow-root
if [ "$service" = formgrader ]; then
    export JUPYTERHUB_DEFAULT_URL=/formgrader/gradebook JUPYTER_NO_CONFIG=1
    export PYTHONPATH="${COURSE_DEPLOY:-/srv/deploy}${PYTHONPATH:+:$PYTHONPATH}"
    set -- "$@" --ServerApp.jpserver_extensions="{'hub_formgrader': True}" --ServerApp.terminals_enabled=False
else
    export JUPYTERHUB_DEFAULT_URL=/lab
    set -- "$@" --ServerApp.jpserver_extensions="{'nbgrader.server_extensions.formgrader': False}"
fi
exec jupyterhub-singleuser "$@"
