"""Spherical k-means by faiss: print seconds and the mean cosine of the rows to their centroids.

python cluster_faiss.py VECTORS.npy K ITERATIONS
"""

import sys
import time

import faiss
import numpy as np

vectors, k, iterations = np.load(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
start = time.perf_counter()
found = faiss.Kmeans(vectors.shape[1], k, niter=iterations, spherical=True, seed=1, max_points_per_centroid=256)
found.train(vectors)
cosine, _ = found.index.search(vectors, 1)
print(time.perf_counter() - start, float(cosine.mean()))
