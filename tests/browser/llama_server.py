"""llama.cpp's own HTTP server: prints its address, and ends with standard input.

    llama_server.py MODEL TEMPLATE
"""

import sys

import xllamacpp

params = xllamacpp.CommonParams()
params.model.path = sys.argv[1]
params.chat_template = sys.argv[2]
params.use_jinja = True
params.n_ctx = 512
params.cpuparams.n_threads = 1  # they would spin while they wait for each other
params.cpuparams_batch.n_threads = 1
params.port = 0
server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
sys.stdin.read()
