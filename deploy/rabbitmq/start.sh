#!/bin/sh
# Starts RabbitMQ with Slipway's users, for the container in docker-compose.yml. Each password in
# definitions.json is the name of the variable that holds it; letters and digits only.
set -eu

definitions=$(cat /etc/slipway/definitions.json)
for name in $(printf '%s' "$definitions" | grep -o '[A-Z_]*_AMQP_PASSWORD'); do
    eval "password=\$$name"
    definitions=$(printf '%s' "$definitions" | sed "s/\"$name\"/\"$password\"/")
done
umask 077
printf '%s\n' "$definitions" >/etc/rabbitmq/slipway.json
chown rabbitmq /etc/rabbitmq/slipway.json
echo 'load_definitions = /etc/rabbitmq/slipway.json' >/etc/rabbitmq/conf.d/20-slipway.conf
chmod 644 /etc/rabbitmq/conf.d/20-slipway.conf
exec docker-entrypoint.sh rabbitmq-server
