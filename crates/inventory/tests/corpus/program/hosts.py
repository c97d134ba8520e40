#!/bin/sh
echo '{"web": {"hosts": ["dyn1"]}}'
