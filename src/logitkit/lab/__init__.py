"""The softmax laboratory: a local page and the HTTP API that feeds it.

`schemas` and `answers` say what goes in and out, `operations` computes with the public functions of
logitkit, `app` answers, `server` listens. Nothing here is imported before ``logitkit lab`` runs:
FastAPI and uvicorn come with the extra, ``pip install "logitkit[lab]"``.
"""
