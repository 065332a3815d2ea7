# What notebooks are full of.
# expects: graded 3
# %% extra
%matplotlib inline
%load_ext autoreload
%autoreload 2
!pip install something
!ls -la
%time sum(range(10))
?print
