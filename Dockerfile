# The server and its page for one run. Untested until somebody builds it; it was written where no
# image can be built.
#
#   docker build --tag translator .
#   docker run --publish 127.0.0.1:8000:8000 --volume "$PWD/runs/everyday:/model:ro" translator
#
# Options of `translator serve` go behind the name of the image, a key into --env TRANSLATOR_API_KEY.
FROM python:3.12-slim

WORKDIR /app
COPY constraints.txt .
# torch for the CPU alone is a tenth of the size of the one with CUDA.
RUN pip install --no-cache-dir --constraint constraints.txt \
    --index-url https://download.pytorch.org/whl/cpu --extra-index-url https://pypi.org/simple torch
COPY pyproject.toml hatch_build.py README.md LICENSE ./
COPY configs configs
COPY translator translator
RUN pip install --no-cache-dir --constraint constraints.txt '.[serve]' \
    && useradd --system --no-create-home translator

WORKDIR /
USER translator
EXPOSE 8000
HEALTHCHECK --start-period=60s --timeout=5s CMD ["python", "-c", \
    "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health', timeout=4)"]
ENTRYPOINT ["translator", "serve", "--run", "/model", "--host", "0.0.0.0"]
