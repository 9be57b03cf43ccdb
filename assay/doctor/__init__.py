"""Whether a machine has what assay needs: one check is one function, which finds something and says what to do."""
