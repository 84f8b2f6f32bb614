"""AWS API server of the local cloud: moto in this process, behind our own WSGI application.

moto reads its settings while it is imported, so they are fixed here, before any module of this package can
import it.
"""

import os

os.environ["MOTO_DISABLE_GLOBAL_CORS"] = "true"
os.environ["MOTO_EC2_LOAD_DEFAULT_AMIS"] = "false"  # images.py brings the local cloud's own
os.environ["MOTO_S3_DEFAULT_KEY_BUFFER_SIZE"] = str(64 * 1024 * 1024)  # one open file per larger object
